// How much is measured: enough for figures that can be trusted, or just enough to see that it runs.

export interface Plan {
  /**
   * Each round measures every server once, one after the other. Many short rounds, for each is then as a whole either
   * disturbed or not.
   */
  rounds: number;
  /** Messages per server and round, under load. */
  messages: number;
  /** Messages before the first round, for the compiler of the server to settle. */
  warmUp: number;
  /** Messages per server and round, one at a time. */
  pings: number;
  joinRounds: number;
  memoryRounds: number;
  idleParticipants: number;
  /** New pages of each kind. */
  pageRounds: number;
  crowdRounds: number;
  startRounds: number;
  /** Joins with the leaves after them, per setup and round of joins. */
  visits: number;
  /** Participants of two nodes whose size is measured. */
  sharedParticipants: number;
  /** Where CPU profiles of the servers go, if they are wanted. */
  profiles: string | undefined;
}

export const full: Plan = {
  rounds: 40,
  messages: 4000,
  warmUp: 40_000,
  pings: 80,
  joinRounds: 15,
  memoryRounds: 3,
  idleParticipants: 2000,
  pageRounds: 20,
  crowdRounds: 5,
  startRounds: 30,
  visits: 320,
  sharedParticipants: 2000,
  profiles: undefined,
};

export const quick: Plan = {
  rounds: 3,
  messages: 1000,
  warmUp: 2000,
  pings: 50,
  joinRounds: 3,
  memoryRounds: 1,
  idleParticipants: 100,
  pageRounds: 2,
  crowdRounds: 1,
  startRounds: 2,
  visits: 32,
  sharedParticipants: 100,
  profiles: undefined,
};
