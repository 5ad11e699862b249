// What every page shows the benchmark.

/** On the way to the first sound. `server`, `seat` and `broker` are known of pages alone that tell of them. */
export const STEPS = ['microphone', 'server', 'seat', 'broker', 'offer', 'answer', 'connected', 'packet'] as const;
export type Step = (typeof STEPS)[number];
/** Milliseconds from the start. */
export type Laps = Partial<Record<Step, number>>;

/** Who enters which call. A page that calls itself takes no notice. */
export interface Visitor {
  server: string;
  meetingId: string;
  userId: string;
  /** Whether they are heard from then on. */
  speaks: boolean;
}

declare global {
  interface Window {
    stopwatch: {
      start: () => void;
      /** The first time counts. */
      lap: (step: Step) => void;
      /** Settles with the first audio packet. */
      finished: Promise<Laps>;
      /** Settles when so many connections stand at once. */
      connected: (count: number) => Promise<void>;
    };
    /** Starts the stopwatch and enters a call. */
    enter: (visitor: Visitor) => Promise<void>;
  }
}
