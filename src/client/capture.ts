// A microphone or a camera of ours, from the wish for one to its end.

import { constraintsOf, openTrack, type DeviceKind } from './devices';
import type { CallError } from './errors';
import type { Device } from './snapshot';

const OFF: Device = { status: 'off', deviceId: undefined, label: undefined, error: undefined };

export interface CaptureListener {
  /** It shows something else now: opened, closed, failed, exchanged. */
  changed(): void;
  /** It is gone without our doing. */
  lost(): void;
}

export class Capture {
  readonly #kind: DeviceKind;
  readonly #listener: CaptureListener;
  #constraints: MediaTrackConstraints;
  #track: MediaStreamTrack | undefined;
  #opening: Promise<void> | undefined;
  /** Which attempt to open it counts: the last one. */
  #turn = 0;
  #device = OFF;

  constructor(kind: DeviceKind, wish: boolean | string | MediaTrackConstraints | undefined, listener: CaptureListener) {
    this.#kind = kind;
    this.#constraints = constraintsOf(kind, wish);
    this.#listener = listener;
  }

  get device(): Device {
    return this.#device;
  }

  get track(): MediaStreamTrack | undefined {
    return this.#track;
  }

  /** Settles when the track is there, opened if it was not; whoever asks meanwhile waits for the same. */
  async open(): Promise<void> {
    if (!this.#track) await (this.#opening ?? this.#open());
  }

  close(): void {
    this.#turn++;
    this.#opening = undefined;
    this.#release();
    this.#show(OFF);
  }

  /** Another device, exchanged at once if one is open; the old one stays if the new one cannot be opened. */
  async choose(deviceId: string): Promise<void> {
    const before = this.#constraints;
    this.#constraints = { ...before, deviceId: { exact: deviceId } };
    if (!this.#track && !this.#opening) return;
    try {
      await this.#open();
    } catch (error) {
      this.#constraints = before;
      throw error;
    }
  }

  /** Whichever device there is, instead of the one that was wished for. */
  forgetChoice(): void {
    const { deviceId: _, ...rest } = this.#constraints;
    this.#constraints = rest;
  }

  #open(): Promise<void> {
    const turn = ++this.#turn;
    if (!this.#track) this.#show({ ...OFF, status: 'opening' });
    const opening = this.#openIn(turn).finally(() => {
      if (turn === this.#turn) this.#opening = undefined;
    });
    return (this.#opening = opening);
  }

  async #openIn(turn: number): Promise<void> {
    try {
      const track = await openTrack(this.#kind, this.#constraints);
      if (turn !== this.#turn) {
        // Closed, or another one chosen, while the browser was asking: nobody wants this one any more.
        track.stop();
        return await this.#opening;
      }
      this.#release();
      this.#track = track;
      track.addEventListener('ended', () => this.#ended(track));
      this.#show({ status: 'on', deviceId: track.getSettings().deviceId, label: track.label, error: undefined });
    } catch (error) {
      if (turn === this.#turn && !this.#track) this.#show({ ...OFF, status: 'failed', error: error as CallError });
      throw error;
    }
  }

  /** The browser says so when a device is unplugged or its permission is taken away; never after our own `stop()`. */
  #ended(track: MediaStreamTrack): void {
    if (track !== this.#track) return;
    this.#track = undefined;
    this.#show(OFF);
    this.#listener.lost();
  }

  #release(): void {
    const track = this.#track;
    this.#track = undefined;
    track?.stop();
  }

  #show(device: Device): void {
    this.#device = device;
    this.#listener.changed();
  }
}
