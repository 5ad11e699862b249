// The hook where there is no browser: on a server that renders pages.

import { createElement, StrictMode, useEffect } from 'react';
import { renderToString } from 'react-dom/server';
import { describe, expect, it, vi } from 'vitest';
import { useVoiceCall, type VoiceCall, type VoiceCallOptions } from '../../src/react';

/** What a component is given when it is rendered on a server. */
function renderOnServer(options?: VoiceCallOptions): VoiceCall {
  const given: VoiceCall[] = [];
  const Room = () => {
    const voiceCall = useVoiceCall('meeting', 'ada', 'Ada', options);
    useEffect(() => expect.unreachable('servers run no effects'));
    given.push(voiceCall);
    return createElement('p', null, voiceCall.state);
  };
  expect(renderToString(createElement(StrictMode, null, createElement(Room)))).toBe('<p>idle</p>');
  const [voiceCall] = given;
  if (!voiceCall) throw new Error('nothing was rendered');
  return voiceCall;
}

describe('useVoiceCall on a server', () => {
  it('is in no call, and React has nothing to complain about', () => {
    const complaints = vi.spyOn(console, 'error');
    expect(renderOnServer()).toMatchObject({
      state: 'idle',
      isConnected: false,
      isInCall: false,
      isMuted: true,
      isVideoOn: false,
      participants: [],
      connectionError: null,
      error: null,
      localStream: null,
      remoteStreams: new Map(),
      self: null,
      isAudioBlocked: false,
      snapshot: null,
      call: null,
    });
    expect(complaints).not.toHaveBeenCalled();
  });

  it('touches nothing of the browser, even if it shall join by itself, or is told to', async () => {
    const missing = ['window', 'document', 'RTCPeerConnection', 'AudioContext', 'location'];
    const touched: string[] = [];
    for (const name of missing)
      Object.defineProperty(globalThis, name, {
        configurable: true,
        get: () => {
          touched.push(name);
          return undefined;
        },
      });
    try {
      const voiceCall = renderOnServer({ autoJoin: true });
      await voiceCall.joinVoiceCall();
      await voiceCall.toggleMute();
      await voiceCall.leaveVoiceCall();
      voiceCall.redial();
      voiceCall.dismissError();
    } finally {
      for (const name of missing) Reflect.deleteProperty(globalThis, name);
    }
    expect(touched).toEqual([]);
  });
});
