// What the browser says when it gives no microphone or camera, in our words.

import { afterEach, describe, expect, it, vi } from 'vitest';
import { constraintsOf, listDevices, onDevicesChanged, openMicrophone, openTrack } from '../../src/client/devices';

afterEach(() => vi.unstubAllGlobals());

const refuseWith = (name: string) =>
  vi.stubGlobal('navigator', {
    mediaDevices: { getUserMedia: () => Promise.reject(new DOMException('of the browser', name)) },
  });

describe('a device that cannot be opened', () => {
  it.each([
    ['NotAllowedError', 'DENIED'],
    ['SecurityError', 'DENIED'],
    ['NotFoundError', 'NOT_FOUND'],
    ['OverconstrainedError', 'NOT_FOUND'],
    ['NotReadableError', 'IN_USE'],
    ['AbortError', 'IN_USE'],
  ])('%s means %s', async (name, code) => {
    refuseWith(name);
    await expect(openTrack('microphone', {})).rejects.toMatchObject({ code: `MIC_${code}`, cause: { name } });
    await expect(openTrack('camera', {})).rejects.toMatchObject({ code: `CAMERA_${code}` });
  });

  it.each([
    ['deviceId', 'NOT_FOUND'],
    ['', 'NOT_FOUND'],
    ['sampleRate', 'OVERCONSTRAINED'],
  ])('[C13] a violated constraint "%s" means %s', async (constraint, code) => {
    const cause = Object.assign(new Error('of the browser'), { name: 'OverconstrainedError', constraint });
    vi.stubGlobal('navigator', { mediaDevices: { getUserMedia: () => Promise.reject(cause) } });
    await expect(openTrack('microphone', {})).rejects.toMatchObject({ code: `MIC_${code}` });
    await expect(openTrack('camera', {})).rejects.toMatchObject({ code: `CAMERA_${code}` });
  });

  it('on an insecure page, there are no devices at all', async () => {
    vi.stubGlobal('navigator', {});
    await expect(openMicrophone()).rejects.toMatchObject({ code: 'INSECURE_CONTEXT' });
    expect(await listDevices()).toEqual({ microphones: [], cameras: [], speakers: [] });
    expect(onDevicesChanged(() => undefined)).not.toThrow();
  });
});

describe('what an app wishes for', () => {
  it('is a device, constraints, or whatever there is', () => {
    const defaults = constraintsOf('microphone', true);
    expect(defaults).toMatchObject({ echoCancellation: true, noiseSuppression: true });
    expect(constraintsOf('microphone', undefined)).toEqual(defaults);
    expect(constraintsOf('microphone', 'usb')).toEqual({ ...defaults, deviceId: { exact: 'usb' } });
    expect(constraintsOf('microphone', '')).toEqual(defaults);
    expect(constraintsOf('microphone', null)).toEqual(defaults);
    expect(constraintsOf('microphone', { echoCancellation: false })).toEqual({ ...defaults, echoCancellation: false });
  });
});
