// What a lost connection gets back: the adapter by itself, with a clock of the test's.

import { Server, type Socket } from 'socket.io';
import { describe, expect, it } from 'vitest';
import { RecoveryAdapter } from '../../src/transport/recovery';

const GRACE = 1000;
const NOTICE = 500;

const session = { sid: 'ada', pid: 'private-ada', rooms: ['ada', 'call'], data: {} };

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
    return session ? adapter.takeMissed(sid).map(([, text]) => text) : undefined;
  };
  adapter.addAll('somebody', new Set(['call', 'other']));
  return { adapter, say, leave, missed, pass: (ms: number) => (now += ms) };
}

/** Asks a node for what was missed there. */
const handedOverBy =
  ({ adapter }: ReturnType<typeof setUp>, move: number) =>
  async (lastHeard: string) =>
    (await adapter.handOver('ada', move, lastHeard)) ?? [];

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

  it('gives what was said before it was put into the room in which it was already', async () => {
    const { adapter, say, leave, missed } = setUp();
    const seen = say('call', 'seen');
    leave('ada', ['call']);
    const client = { writeToEngine: () => undefined };
    adapter.nsp.sockets.set('ada', { pid: 'private-ada', client } as unknown as Socket);
    adapter.addAll('ada', new Set(['ada', 'call']));
    say('call', 'into the void');
    adapter.addAll('ada', new Set(['call']));
    adapter.nsp.sockets.delete('ada');
    leave('ada', ['call']);
    expect(await missed('ada', seen)).toEqual(['into the void']);
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

  it('keeps packets although other rooms overflow', async () => {
    const { say, leave, missed } = setUp();
    const seen = say('call', 'seen');
    leave('ada', ['call']);
    say('call', 'quiet');
    for (let times = 0; times < 100; times += 1) say('other', 'x'.repeat(60_000));
    expect(await missed('ada', seen)).toEqual(['quiet']);
  });

  it('[R14] does not recover a session whose own packets were dropped', async () => {
    const { say, leave, missed } = setUp();
    const seen = say('call', 'seen');
    leave('ada', ['call']);
    for (let times = 0; times < 3; times += 1) say('ada', 'y'.repeat(60_000));
    expect(await missed('ada', seen)).toBeUndefined();
  });

  it('[R14] does not recover a session whose packets were dropped before its loss was noticed', async () => {
    const { say, leave, missed } = setUp();
    const seen = say('call', 'seen');
    for (let times = 0; times < 3; times += 1) say('call', 'y'.repeat(60_000));
    leave('ada', ['call']);
    expect(await missed('ada', seen)).toBeUndefined();
  });

  it('gives packets that were sent to the whole namespace, after any earlier offset', async () => {
    const { adapter, say, leave, missed } = setUp();
    const seen = say('call', 'seen');
    say('call', 'one');
    leave('ada', ['call']);
    adapter.broadcast({ type: 2, data: ['said', 'to all'] }, { rooms: new Set(), except: new Set() });
    say('call', 'two');
    expect(await missed('ada', seen)).toEqual(['one', 'to all', 'two']);
  });

  it('does not bring who lost the room while away back into it', async () => {
    const { adapter, say, leave } = setUp();
    const seen = say('call', 'seen');
    leave('ada', ['call']);
    adapter.delSockets({ rooms: new Set(['ada']), except: new Set() }, ['call']);
    say('call', 'secret');
    const session = await adapter.restoreSession('private-ada', String(seen));
    expect(session.rooms).toEqual(['ada']);
    expect(adapter.takeMissed('ada')).toEqual([]);
  });

  it('goes on on another node: what was said until then is told by the one, what was said since by the other', async () => {
    const [there, here] = [setUp(), setUp()];
    const seen = there.say('call', 'seen');
    there.say('call', 'one');
    there.leave('ada', ['call']);
    there.say('call', 'two');
    here.say('call', 'two, to others');

    there.adapter.detach('ada', 7);
    here.adapter.adopt(session, 7, handedOverBy(there, 7));
    there.say('call', 'three, to others');
    here.say('call', 'three');
    expect(await here.missed('ada', seen)).toEqual(['one', 'two', 'three']);
    expect(await there.adapter.handOver('ada', 7, String(seen))).toBeUndefined();
    expect(await there.missed('ada', seen)).toBeUndefined();

    // Whatever of it was heard, it can be lost again at once.
    await here.adapter.restoreSession('private-ada', String(seen));
    const heard = here.adapter.takeMissed('ada').map((data) => String(data.at(-1)));
    here.leave('ada', ['call']);
    here.say('call', 'four');
    expect(await here.missed('ada', heard[0])).toEqual(['two', 'three', 'four']);
    expect(await here.missed('ada', heard[1])).toEqual(['three', 'four']);
    expect(await here.missed('ada', heard[2])).toEqual(['four']);
    expect(await here.missed('ada', seen)).toEqual(['one', 'two', 'three', 'four']);
  });

  it('goes back and forth between nodes, before anything of it is heard', async () => {
    const [there, here] = [setUp(), setUp()];
    const seen = there.say('call', 'seen');
    there.say('call', 'one');
    there.leave('ada', ['call']);

    there.adapter.detach('ada', 1);
    here.adapter.adopt(session, 1, handedOverBy(there, 1));
    for (const { say } of [there, here]) say('call', 'two');

    here.adapter.detach('ada', 2);
    there.adapter.adopt(session, 2, handedOverBy(here, 2));
    for (const { say } of [there, here]) say('call', 'three');

    there.adapter.detach('ada', 3);
    here.adapter.adopt(session, 3, handedOverBy(there, 3));
    for (const { say } of [there, here]) say('call', 'four');
    expect(await here.missed('ada', seen)).toEqual(['one', 'two', 'three', 'four']);
  });

  it('belongs to the latest connection that asks for it', async () => {
    const [there, here] = [setUp(), setUp()];
    const seen = String(there.say('call', 'seen'));
    there.leave('ada', ['call']);
    there.adapter.detach('ada', 1);
    here.adapter.adopt(session, 1, handedOverBy(there, 1));
    const [given, taken] = [here.missed('ada', seen), here.missed('ada', seen)];
    expect(await given).toBeUndefined();
    expect(await taken).toEqual([]);
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
