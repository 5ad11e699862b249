// A microphone that is open only to see whether it hears anybody. It is let go with the page that asked for it.

import { useEffect, useState } from 'react';
import { openMicrophone, watchLevel, type CallError } from '../react';

export interface MicrophoneCheck {
  readonly status: 'off' | 'asking' | 'on' | 'failed';
  /** From 0 to 1. */
  readonly level: number;
  /** Whether anything was heard since it was opened. */
  readonly hasHeard: boolean;
  /** Why it failed. */
  readonly error: CallError | null;
  readonly start: () => void;
  readonly stop: () => void;
}

type State = Omit<MicrophoneCheck, 'start' | 'stop'>;

const OFF: State = { status: 'off', level: 0, hasHeard: false, error: null };
/** What is louder than a quiet room. */
const AUDIBLE = 0.2;

/** It begins by itself where that asks nothing of anybody: when the microphone was allowed before. */
export function useMicrophoneCheck(deviceId: string): MicrophoneCheck {
  /** Which attempt it is; 0 for none. */
  const [attempt, setAttempt] = useState(0);
  const [state, setState] = useState(OFF);
  const start = () => setAttempt((last) => last + 1);
  const stop = () => setAttempt(0);

  useEffect(() => {
    let isOver = false;
    void isAllowedAlready().then((isAllowed) => {
      if (isAllowed && !isOver) start();
    });
    return () => {
      isOver = true;
    };
  }, []);

  useEffect(() => {
    if (attempt === 0) return;
    const end = new AbortController();
    const show = (state: State) => {
      if (!end.signal.aborted) setState(state);
    };
    show({ ...OFF, status: 'asking' });
    listen(deviceId, end.signal, (level, hasHeard) => show({ status: 'on', level, hasHeard, error: null })).catch(
      (error: unknown) => show({ ...OFF, status: 'failed', error: error as CallError }),
    );
    return () => {
      end.abort();
      setState(OFF);
    };
  }, [attempt, deviceId]);

  return { ...state, start, stop };
}

async function isAllowedAlready(): Promise<boolean> {
  try {
    const { state } = await navigator.permissions.query({ name: 'microphone' });
    return state === 'granted';
  } catch {
    // Not every browser tells; then a click does.
    return false;
  }
}

/** Settles when the microphone is open. */
async function listen(
  deviceId: string,
  end: AbortSignal,
  hear: (level: number, hasHeard: boolean) => void,
): Promise<void> {
  const stream = await openMicrophone(deviceId || true);
  let hasHeard = false;
  const unwatch = watchLevel(stream, (level) => {
    hasHeard ||= level > AUDIBLE;
    hear(level, hasHeard);
  });
  const stop = () => {
    unwatch();
    stream.getTracks().forEach((track) => track.stop());
  };
  if (end.aborted) stop();
  else end.addEventListener('abort', stop);
  hear(0, false);
}
