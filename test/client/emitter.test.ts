// Events of the SDK: each `on` undone by what it gives back, and no listener in the way of another.

import { expect, it, vi } from 'vitest';
import { Emitter } from '../../src/client/emitter';

interface Events {
  said: (word: string, times: number) => void;
}

it('tells every listener, until it is undone', () => {
  const emitter = new Emitter<Events>();
  const first = vi.fn();
  const second = vi.fn();
  const off = emitter.on('said', first);
  emitter.on('said', second);
  emitter.emit('said', 'hello', 2);
  off();
  off();
  emitter.emit('said', 'bye', 1);
  expect(first.mock.calls).toEqual([['hello', 2]]);
  expect(second.mock.calls).toEqual([
    ['hello', 2],
    ['bye', 1],
  ]);
});

it('takes the same listener twice, and takes each away by its own undo', () => {
  const emitter = new Emitter<Events>();
  const listener = vi.fn();
  const off = emitter.on('said', listener);
  emitter.on('said', listener);
  off();
  emitter.emit('said', 'hello', 1);
  expect(listener).toHaveBeenCalledTimes(1);
});

it('goes on to the next listener when one throws, and reports what was thrown', () => {
  const report = vi.fn();
  vi.stubGlobal('reportError', report);
  const emitter = new Emitter<Events>();
  const thrown = new Error('mine');
  emitter.on('said', () => {
    throw thrown;
  });
  const next = vi.fn();
  emitter.on('said', next);
  emitter.emit('said', 'hello', 1);
  expect(next).toHaveBeenCalledOnce();
  expect(report).toHaveBeenCalledExactlyOnceWith(thrown);
  vi.unstubAllGlobals();
});

it('tells only who listened when the event began', () => {
  const emitter = new Emitter<Events>();
  const late = vi.fn();
  emitter.on('said', () => emitter.on('said', late));
  emitter.emit('said', 'hello', 1);
  expect(late).not.toHaveBeenCalled();
});
