// With what somebody enters a call: who, where to, and by which devices. What is worth it is remembered.

export interface Entry {
  meetingId: string;
  username: string;
  /** Device ids; empty for what the browser takes by itself. */
  microphone: string;
  camera: string;
  speaker: string;
  /** Whether the key M mutes and unmutes; who dictates to the computer does not want that. */
  hasMuteKey: boolean;
}

const NAME = 'back-call:name';
const MUTE_KEY = 'back-call:mute-key';

const TRAITS = 'amber birch calm clear coral fern golden hazel ivory jade linen maple misty olive'.split(' ');
const ANIMALS = 'badger crane dove falcon finch heron ibis lark lynx marten otter plover robin seal'.split(' ');

export function firstEntry(): Entry {
  const meetingId = new URLSearchParams(location.search).get('meeting')?.trim();
  return {
    meetingId: meetingId || newMeetingId(),
    username: recall(forGood, NAME) ?? '',
    microphone: '',
    camera: '',
    speaker: '',
    hasMuteKey: recall(forGood, MUTE_KEY) !== 'off',
  };
}

/** Remembers the name for the next time, and makes the address of the page the link to this call. */
export function remember({ meetingId, username }: Entry): void {
  keep(forGood, NAME, username);
  history.replaceState(null, '', linkTo(meetingId));
}

export function rememberMuteKey(isOn: boolean): void {
  keep(forGood, MUTE_KEY, isOn ? 'on' : 'off');
}

export function linkTo(meetingId: string): string {
  const link = new URL(location.pathname, location.origin);
  link.searchParams.set('meeting', meetingId);
  return link.href;
}

/** The meeting that was typed, or the one of an invitation that was pasted whole. */
export function meetingIn(text: string): string {
  const pasted = URL.canParse(text) ? new URL(text).searchParams.get('meeting') : null;
  return pasted ?? text;
}

/** Pleasant to say, as `amber-otter-4207` is, and not quickly guessed. */
function newMeetingId(): string {
  const [trait = 0, animal = 0, number = 0] = crypto.getRandomValues(new Uint32Array(3));
  return [TRAITS[trait % TRAITS.length], ANIMALS[animal % ANIMALS.length], 1000 + (number % 9000)].join('-');
}

const forGood = () => localStorage;

/** Browsers may keep their storage from a page, by throwing as soon as it is touched. */
export function recall(storage: () => Storage, key: string): string | null {
  try {
    return storage().getItem(key);
  } catch {
    return null;
  }
}

export function keep(storage: () => Storage, key: string, value: string): void {
  try {
    storage().setItem(key, value);
  } catch {
    // Then it is asked for again the next time.
  }
}
