import { describe, expect, it } from 'vitest';
import { Turns } from '../src/turns';

describe('Turns', () => {
  it('[R10] does what is asked under one key in order, however long each takes', async () => {
    const turns = new Turns();
    const done: string[] = [];
    let finishFirst: (value?: unknown) => void = () => undefined;
    const blocked = new Promise((resolve) => (finishFirst = resolve));
    const first = turns.take('key', () => blocked.then(() => void done.push('first')));
    const second = turns.take('key', () => Promise.resolve(void done.push('second')));
    await turns.take('other', () => Promise.resolve(void done.push('other')));
    expect(done).toEqual(['other']);
    finishFirst();
    await Promise.all([first, second]);
    expect(done).toEqual(['other', 'first', 'second']);
  });

  it('goes on after a failure, which its asker hears of', async () => {
    const turns = new Turns();
    const failed = turns.take('key', () => Promise.reject(new Error('broken')));
    await expect(failed).rejects.toThrow('broken');
    expect(await turns.take('key', () => Promise.resolve('fine'))).toBe('fine');
  });

  it('is idle when also what was asked meanwhile is done', async () => {
    const turns = new Turns();
    const done: string[] = [];
    void turns.take('key', async () => {
      await Promise.resolve();
      void turns.take('other', () => Promise.resolve(void done.push('asked meanwhile')));
    });
    await turns.idle();
    expect(done).toEqual(['asked meanwhile']);
  });
});
