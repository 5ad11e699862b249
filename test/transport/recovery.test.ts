// What a lost connection gets back: the adapter by itself, with a clock of the test's.

import { Server } from 'socket.io';
import { describe, expect, it } from 'vitest';
import { RecoveryAdapter } from '../../src/transport/recovery';

const GRACE = 1000;
const NOTICE = 500;

function setUp() {
  let now = 0;
  const io = new Server({ connectionStateRecovery: {} });
  const adapter = new RecoveryAdapter(io.of('/'), { graceMs: GRACE, noticeMs: NOTICE }, () => now);
  /** Gives the offset that comes with it. */
  const say = (room: string, text: string, flags = {}, except: string[] = []) => {
    const data = ['said', text];
    adapter.broadcast({ type: 2, data }, { rooms: new Set([room]), except: new Set(except), flags });
    return data.at(-1);
  };
  const leave = (sid: string, rooms: string[]) =>
    adapter.persistSession({ sid, pid: `private-${sid}`, rooms: [sid, ...rooms], data: { of: sid } });
  const missed = async (sid: string, offset = '') => {
    const session = (await adapter.restoreSession(`private-${sid}`, offset)) as Awaited<
      ReturnType<RecoveryAdapter['restoreSession']>
    > | null;
    return session?.missedPackets.map(([, text]) => text);
  };
  adapter.addAll('somebody', new Set(['call', 'other']));
  return { adapter, say, leave, missed, pass: (ms: number) => (now += ms) };
}

describe('[R6] recovery', () => {
  it('gives what was said in the own rooms since, in order', async () => {
    const { say, leave, missed } = setUp();
    const seen = say('call', 'seen');
    leave('ada', ['call']);
    say('call', 'one');
    say('other', 'elsewhere');
    say('ada', 'to her');
    say('call', 'volatile', { volatile: true });
    say('call', 'not to her', {}, ['ada']);
    say('call', 'two');
    expect(await missed('ada', seen)).toEqual(['one', 'to her', 'two']);
  });

  it('holds in a call in which nothing was said for an hour', async () => {
    const { adapter, say, leave, missed, pass } = setUp();
    const seen = say('call', 'long ago');
    pass(3_600_000);
    adapter.sweep();
    leave('ada', ['call']);
    say('call', 'news');
    adapter.sweep();
    expect(await missed('ada', seen)).toEqual(['news']);
  });

  it('gives what was said while nobody noticed the loss yet', async () => {
    const { say, leave, missed, pass } = setUp();
    const seen = say('call', 'seen');
    say('call', 'into the void');
    pass(NOTICE);
    leave('ada', ['call']);
    pass(GRACE - 1);
    say('call', 'later');
    expect(await missed('ada', seen)).toEqual(['into the void', 'later']);
  });

  it('ends with the time of grace', async () => {
    const { adapter, say, leave, missed, pass } = setUp();
    const seen = say('call', 'seen');
    leave('ada', ['call']);
    pass(GRACE);
    expect(await missed('ada', seen)).toEqual([]);
    pass(1);
    expect(await missed('ada', seen)).toBeUndefined();
    adapter.sweep();
    expect(await missed('ada', seen)).toBeUndefined();
  });

  it('keeps the loud from pushing out what others missed', async () => {
    const { say, leave, missed } = setUp();
    const seen = say('call', 'seen');
    leave('ada', ['call']);
    say('call', 'quiet');
    for (let times = 0; times < 100; times += 1) say('other', 'x'.repeat(60_000));
    for (let times = 0; times < 100; times += 1) say('ada', 'y'.repeat(60_000));
    const texts = (await missed('ada', seen)) as string[];
    expect(texts[0]).toBe('quiet');
    expect(texts.length).toBeLessThanOrEqual(3);
  });

  it('does not bring who lost the room while away back into it', async () => {
    const { adapter, say, leave } = setUp();
    const seen = say('call', 'seen');
    leave('ada', ['call']);
    adapter.delSockets({ rooms: new Set(['ada']), except: new Set() }, ['call']);
    say('call', 'secret');
    const session = await adapter.restoreSession('private-ada', String(seen));
    expect(session.rooms).toEqual(['ada']);
    expect(session.missedPackets).toEqual([]);
  });

  it('goes on on another node: what was said until then is told by the one, what was said since by the other', async () => {
    const [there, here] = [setUp(), setUp()];
    const seen = there.say('call', 'seen');
    there.say('call', 'one');
    there.leave('ada', ['call']);
    there.say('call', 'two');
    here.say('call', 'two, to others');

    there.adapter.detach('ada');
    here.adapter.adopt({ sid: 'ada', pid: 'private-ada', rooms: ['ada', 'call'], data: {} });
    there.say('call', 'three, to others');
    here.say('call', 'three');
    here.adapter.adoption('ada')((await there.adapter.handOver('ada', String(seen))) ?? []);
    expect(await here.missed('ada', seen)).toEqual(['one', 'two', 'three']);
    expect(await there.adapter.handOver('ada', String(seen))).toBeUndefined();
    expect(await there.missed('ada', seen)).toBeUndefined();

    // Whatever of it was heard, it can be lost again at once.
    const all = await here.adapter.restoreSession('private-ada', String(seen));
    const heard = all.missedPackets.map((data) => String(data.at(-1)));
    here.leave('ada', ['call']);
    here.say('call', 'four');
    expect(await here.missed('ada', heard[1])).toEqual(['three', 'four']);
    expect(await here.missed('ada', heard[2])).toEqual(['four']);
    expect(await here.missed('ada', seen)).toEqual(['one', 'two', 'three', 'four']);
  });

  it('lets nobody wait for what was missed, when the session comes again or is forgotten meanwhile', async () => {
    const { adapter, missed } = setUp();
    const session = { sid: 'ada', pid: 'private-ada', rooms: ['ada', 'call'], data: {} };
    adapter.adopt(session);
    const first = adapter.restoreSession('private-ada', 'elsewhere');
    adapter.adopt(session);
    expect((await first).missedPackets).toEqual([]);
    adapter.adoption('ada')([['said', 'elsewhere']]);
    expect(await missed('ada', 'elsewhere')).toEqual(['elsewhere']);
  });

  it('gives who was lost while it joined what was said after that', async () => {
    const { adapter, say, leave, missed } = setUp();
    const seen = say('call', 'seen');
    leave('ada', []);
    say('other', 'before');
    adapter.enterAway('ada', 'other');
    say('other', 'after');
    expect(await missed('ada', seen)).toEqual(['after']);
  });

  it('knows nobody by a made-up id, and no offset that is none', async () => {
    const { leave, missed, adapter } = setUp();
    leave('ada', ['call']);
    expect(await missed('eve')).toBeUndefined();
    expect(await adapter.restoreSession('private-ada', 'NaN')).toBeNull();
  });
});
