// The user ID of this tab. A reload keeps the ID; a duplicated tab receives a new one.

import { keep, recall } from './entry';

const KEY = 'back-call:user-id';

/** How long a reload waits until the previous document has released its ID, in milliseconds. */
const RELEASE_MS = 1000;

/** How long a tab waits for an objection of another tab, in milliseconds. */
const OBJECTION_MS = 300;

const perTab = () => sessionStorage;

/** Browsers copy `sessionStorage` into a duplicated tab, so the tab keeps the stored ID only if no other tab holds it. */
export async function claimUserId(): Promise<string> {
  const stored = recall(perTab, KEY);
  if (stored !== null && (await claim(stored))) return stored;
  const userId = newUserId();
  keep(perTab, KEY, userId);
  await claim(userId);
  return userId;
}

/** Resolves to whether this tab now holds the ID, which it does until its document is unloaded. */
function claim(userId: string): Promise<boolean> {
  const name = `${KEY}:${userId}`;
  // `navigator.locks` exists only in secure contexts: https://w3c.github.io/web-locks/#api-navigator-mixin
  return window.isSecureContext && 'locks' in navigator ? claimByLock(name) : claimByChannel(name);
}

function claimByLock(name: string): Promise<boolean> {
  return new Promise((resolve) => {
    const held = () => {
      resolve(true);
      return new Promise<never>(() => undefined);
    };
    navigator.locks.request(name, { signal: AbortSignal.timeout(RELEASE_MS) }, held).catch(() => resolve(false));
  });
}

function claimByChannel(name: string): Promise<boolean> {
  return new Promise((resolve) => {
    const channel = new BroadcastChannel(name);
    const rank = newUserId();
    let isHeld = false;
    const settle = (isOurs: boolean) => {
      clearTimeout(timer);
      isHeld = isOurs;
      if (!isOurs) channel.close();
      resolve(isOurs);
    };
    const timer = setTimeout(() => settle(true), OBJECTION_MS);
    channel.onmessage = ({ data }: MessageEvent<{ asks: string } | { refused: string }>) => {
      if ('asks' in data) {
        // Of tabs that ask at the same time, the lowest rank receives the ID.
        if (isHeld || rank < data.asks) channel.postMessage({ refused: data.asks });
      } else if (data.refused === rank) settle(false);
    };
    addEventListener('pagehide', () => channel.close());
    channel.postMessage({ asks: rank });
  });
}

/** 128 random bits in hexadecimal; `crypto.randomUUID` exists only in secure contexts. */
function newUserId(): string {
  const bytes = [...crypto.getRandomValues(new Uint8Array(16))];
  return bytes.map((byte) => byte.toString(16).padStart(2, '0')).join('');
}
