// What a component is given of its calls, where making it happen in a browser would take long: errors, and identities.

import { beforeEach, describe, expect, it, vi } from 'vitest';
import { CallError } from '../../src/client';
import { CallStore } from '../../src/react/call-store';
import { Call, on, somebody } from './fake-call';

vi.mock('../../src/client', async (original) => {
  const { Call } = await import('./fake-call');
  return { ...(await original<object>()), Call };
});

const seat = { meetingId: 'meeting', userId: 'ada', username: 'Ada' };
let store: CallStore;
let unmount: () => void;
const view = () => store.viewFor(seat);

beforeEach(async () => {
  Call.made.length = 0;
  store = new CallStore(seat, {});
  unmount = store.mount(seat);
  await view().joinVoiceCall();
});

describe('an error', () => {
  const unreachable = new CallError('ICE_FAILED', 'You do not reach bob.', { userId: 'bob' });
  const denied = new CallError('MIC_DENIED', 'Allow the microphone.');

  it('about somebody stays, whatever we do ourselves, until they are reached', async () => {
    Call.last.emit('error', unreachable);
    Call.last.become({ participants: [somebody('bob', { connection: 'failed' })] });
    await view().toggleMute();
    Call.last.become({ participants: [somebody('bob', { connection: 'failed' }), somebody('carol')] });
    expect(view().connectionError).toBe('You do not reach bob.');
    expect(view().error).toBe(unreachable);
    Call.last.become({ participants: [somebody('bob'), somebody('carol')] });
    expect(view().connectionError).toBeNull();
  });

  it('about somebody goes with them', () => {
    Call.last.emit('error', unreachable);
    Call.last.become({ participants: [somebody('bob', { connection: 'failed' })] });
    Call.last.become({ participants: [] });
    expect(view().error).toBeNull();
  });

  it('about a device stays until it is opened', async () => {
    Call.last.mishap = denied;
    await view().toggleMute();
    Call.last.become({ isBrokerOpen: true });
    expect(view().error).toBe(denied);
    Call.last.become({ self: on(Call.last.self) });
    expect(view().error).toBeNull();
  });

  it('about a device that was chosen stays although the one before it is still open', async () => {
    Call.last.become({ self: on(Call.last.self) });
    Call.last.mishap = denied;
    await view().chooseMicrophone('other');
    Call.last.become({ self: { ...Call.last.self, isSpeaking: true } });
    expect(view().error).toBe(denied);
  });

  it('[C13] about a default device stays until the device is exchanged', () => {
    const using = (deviceId: string) => {
      const { self } = Call.last;
      Call.last.become({ self: { ...self, microphone: { ...on(self).microphone, deviceId } } });
    };
    // The call opens the default device and reports it in the same moment.
    Call.last.emit('error', new CallError('MIC_FALLBACK', 'The default one is used.'));
    using('default');
    using('default');
    expect(view().error).toMatchObject({ code: 'MIC_FALLBACK' });
    using('chosen');
    expect(view().error).toBeNull();
  });

  it('of ours goes with the next attempt, and any when it is dismissed', async () => {
    Call.last.emit('error', denied);
    await view().toggleMute();
    expect(view().error).toBeNull();
    Call.last.emit('error', unreachable);
    view().dismissError();
    expect(view().error).toBeNull();
  });

  it('that ended the call stays until the next joining', async () => {
    const replaced = new CallError('REPLACED', 'You joined again from somewhere else.');
    Call.last.become({ state: 'left', error: replaced });
    await view().toggleMute();
    expect(view()).toMatchObject({ state: 'left', isInCall: false, connectionError: replaced.message });
    await view().joinVoiceCall();
    expect(view()).toMatchObject({ state: 'joined', connectionError: null });
    expect(Call.made).toHaveLength(2);
  });

  it('of a call that was let go disturbs nobody', async () => {
    const old = Call.last;
    unmount();
    old.emit('error', denied);
    old.become({ isAudioBlocked: true });
    await Promise.resolve();
    expect(view()).toBe(store.idle);
  });
});

describe('a view', () => {
  it('has the same streams as long as these are the same', () => {
    const stream = {} as MediaStream;
    Call.last.become({ participants: [somebody('bob', { stream }), somebody('carol')] });
    const { remoteStreams } = view();
    expect([...remoteStreams]).toEqual([['bob', stream]]);
    Call.last.become({ participants: [somebody('bob', { stream, audioLevel: 0.5 })] });
    expect(view().remoteStreams).toBe(remoteStreams);
    Call.last.become({ participants: [somebody('bob', { stream: {} as MediaStream })] });
    expect(view().remoteStreams).not.toBe(remoteStreams);
  });

  it('is told of once, and is another one each time', () => {
    const seen: unknown[] = [];
    store.subscribe(() => seen.push(view()));
    view().dismissError();
    Call.last.emit('change', Call.last.snapshot);
    expect(seen).toEqual([]);
    Call.last.become({ isAudioBlocked: true });
    expect(seen).toEqual([view()]);
  });

  it('of another seat is of no call, until that is mounted', async () => {
    const next = { ...seat, meetingId: 'elsewhere' };
    expect(store.viewFor(next)).toBe(store.idle);
    unmount();
    store.mount(next);
    await Promise.resolve();
    expect(Call.made.map(({ options, state }) => [options.meetingId, state])).toEqual([
      ['meeting', 'left'],
      ['elsewhere', 'joined'],
    ]);
    expect(store.viewFor(next).isInCall).toBe(true);
  });
});

describe('a component', () => {
  it('that is told to join before it is there joins as soon as it is', async () => {
    unmount();
    const early = new CallStore(seat, { audio: false });
    await early.viewFor(seat).joinVoiceCall();
    expect(early.viewFor(seat).isInCall).toBe(false);
    early.mount(seat);
    await Promise.resolve();
    expect(early.viewFor(seat).isInCall).toBe(true);
    expect(Call.last.options).toMatchObject({ ...seat, audio: false });
  });

  it('that left joins no other call', async () => {
    await view().leaveVoiceCall();
    unmount();
    store.mount({ ...seat, meetingId: 'elsewhere' });
    await Promise.resolve();
    expect(Call.made).toHaveLength(1);
  });

  it('whose call ended joins no other call', async () => {
    Call.last.become({ state: 'left' });
    unmount();
    store.mount({ ...seat, meetingId: 'elsewhere' });
    await Promise.resolve();
    expect(Call.made).toHaveLength(1);
  });

  it('renames the call under way, and joins later calls with the new name', async () => {
    const store = new CallStore(seat, {});
    store.mount(seat);
    await store.idle.joinVoiceCall();
    store.rename('Ada');
    expect(Call.last.renamedTo).toBeUndefined();
    const call = Call.last;
    store.rename('Countess');
    expect(call.renamedTo).toBe('Countess');
    expect(Call.last).toBe(call);
    await store.idle.leaveVoiceCall();
    await store.idle.joinVoiceCall();
    expect(Call.last.options.username).toBe('Countess');
  });
});
