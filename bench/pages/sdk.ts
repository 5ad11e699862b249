// A page that uses the SDK by a script tag: what `joinCall()` does, in two steps, so that its events are heard.

import type * as Client from '../../src/client';

declare const BackCall: typeof Client;

window.enter = async ({ server, meetingId, userId, speaks }) => {
  const { stopwatch } = window;
  stopwatch.start();
  const call = new BackCall.Call({ url: server, meetingId, userId });
  call.on('state', (state) => {
    if (state === 'joining') stopwatch.lap('server');
    if (state === 'joined') stopwatch.lap('seat');
  });
  call.on('change', ({ isBrokerOpen }) => {
    if (isBrokerOpen) stopwatch.lap('broker');
  });
  await call.join();
  if (speaks) await call.unmute();
};
