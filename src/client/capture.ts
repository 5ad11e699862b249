// Our microphone or camera: opened, exchanged, interrupted and closed.

import {
  constraintsOf,
  isGiven,
  isNotFound,
  openChoice,
  requireDevice,
  type DeviceChoice,
  type DeviceKind,
  type GivenMedia,
  type OpenedTrack,
} from './devices';
import type { CallError } from './errors';
import type { Device } from './snapshot';

const OFF: Device = { status: 'off', deviceId: undefined, label: undefined, isInterrupted: false, error: undefined };

export interface CaptureListener {
  /** The device was opened, closed, exchanged or interrupted, or it failed. */
  changed(): void;
  /** The track ended without our doing. */
  lost(): void;
  /** The default device was opened, because the chosen one is not available. Called once for each choice. */
  fellBack(): void;
}

export class Capture {
  readonly #kind: DeviceKind;
  readonly #listener: CaptureListener;
  #choice: DeviceChoice;
  #opened: OpenedTrack | undefined;
  /** Removes the listeners from the open track. */
  #listening = new AbortController();
  #opening: Promise<void> | undefined;
  /** Number of the last attempt to open the device; the others are obsolete. */
  #turn = 0;
  #isFallbackReported = false;
  #device = OFF;

  constructor(kind: DeviceKind, choice: DeviceChoice, listener: CaptureListener) {
    this.#kind = kind;
    this.#choice = choice;
    this.#listener = listener;
  }

  get device(): Device {
    return this.#device;
  }

  get track(): MediaStreamTrack | undefined {
    return this.#opened?.track;
  }

  /** Opens the device if it is not open. Concurrent requests share one attempt. */
  async open(): Promise<void> {
    if (!this.#opened) await (this.#opening ?? this.#open(isNotFound));
  }

  /** Opens any device after the last one was lost; the app knows already, so a fallback is not reported. */
  async reopen(): Promise<void> {
    this.#isFallbackReported = true;
    if (!this.#opened) await (this.#opening ?? this.#open(() => true));
  }

  close(): void {
    this.#turn++;
    this.#opening = undefined;
    this.#release();
    this.#show(OFF);
  }

  /**
   * Exchanges the device, or remembers the choice while no device is open. If the new device cannot be opened, this
   * rejects and the present one stays.
   *
   * @param choice - `''` and null are the default device.
   */
  async choose(choice: string | GivenMedia | null | undefined): Promise<void> {
    const next = this.#nextChoice(choice);
    if (isGiven(choice)) await openChoice(this.#kind, choice, never);
    else if (!this.#isActive && choice) await requireDevice(this.#kind, choice);
    const before = this.#choice;
    this.#choice = next;
    this.#isFallbackReported = false;
    if (!this.#isActive) return;
    try {
      await this.#open(never);
    } catch (error) {
      if (this.#choice === next) this.#choice = before;
      throw error;
    }
  }

  /** Returns to the chosen device if the default one replaces it and the chosen one is available again. */
  async restore(): Promise<void> {
    if (this.#opened?.isFallback === true && !this.#opening) await this.#open(never).catch(() => undefined);
  }

  /** A track that the app itself stopped has no `ended` event, so it is polled. */
  poll(): void {
    const { track, isGiven } = this.#opened ?? {};
    if (isGiven && track?.readyState === 'ended') this.#ended();
  }

  get #isActive(): boolean {
    return this.#opened !== undefined || this.#opening !== undefined;
  }

  /** Keeps the other constraints of the present choice. */
  #nextChoice(choice: string | GivenMedia | null | undefined): DeviceChoice {
    if (isGiven(choice)) return choice;
    const { deviceId: _, ...others } = constraintsOf(this.#kind, this.#choice);
    return choice ? { ...others, deviceId: { exact: choice } } : others;
  }

  #open(allowsFallback: (error: CallError) => boolean): Promise<void> {
    const turn = ++this.#turn;
    if (!this.#opened) this.#show({ ...OFF, status: 'opening' });
    const opening = this.#openIn(turn, allowsFallback).finally(() => {
      if (turn === this.#turn) this.#opening = undefined;
    });
    return (this.#opening = opening);
  }

  async #openIn(turn: number, allowsFallback: (error: CallError) => boolean): Promise<void> {
    try {
      const opened = await openChoice(this.#kind, this.#choice, allowsFallback);
      if (turn !== this.#turn) {
        // The device was closed, or another one was chosen, while the browser asked the user.
        stop(opened);
        return await this.#opening;
      }
      this.#release();
      this.#use(opened);
    } catch (error) {
      if (turn === this.#turn && !this.#opened) this.#show({ ...OFF, status: 'failed', error: error as CallError });
      throw error;
    }
  }

  #use(opened: OpenedTrack): void {
    const { track, isFallback } = opened;
    this.#opened = opened;
    this.#listening = new AbortController();
    const { signal } = this.#listening;
    // Fired when a device is unplugged or its permission is revoked, but not after `stop()`.
    track.addEventListener('ended', () => this.#ended(), { signal });
    track.addEventListener('mute', () => this.#show({ ...this.#device, isInterrupted: true }), { signal });
    track.addEventListener('unmute', () => this.#show({ ...this.#device, isInterrupted: false }), { signal });
    const { deviceId } = track.getSettings();
    this.#show({ status: 'on', deviceId, label: track.label, isInterrupted: track.muted, error: undefined });
    if (isFallback && !this.#isFallbackReported) this.#listener.fellBack();
    this.#isFallbackReported = isFallback;
  }

  #ended(): void {
    this.#release();
    this.#show(OFF);
    this.#listener.lost();
  }

  #release(): void {
    this.#listening.abort();
    if (this.#opened) stop(this.#opened);
    this.#opened = undefined;
  }

  #show(device: Device): void {
    this.#device = device;
    this.#listener.changed();
  }
}

const never = () => false;

function stop({ track, isGiven }: OpenedTrack): void {
  if (!isGiven) track.stop();
}
