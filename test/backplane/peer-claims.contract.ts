// What every backplane owes about claims to peer ids: rule R19 of docs/rules.md.

import { describe, expect, it } from 'vitest';
import type { Backplane } from '../../src/index';
import { hashToken, type PeerProof } from '../../src/peer-proof';
import type { Change, Newcomer } from '../../src/rooms';

let lastConnection = 0;
let lastRequest = 0;

const OWNER = 'owner-network';
const ELSEWHERE = 'another-network';

/** What a client shows. */
const proofs = {
  token: { network: ELSEWHERE, tokenHash: hashToken('secret') },
  address: { network: OWNER },
  none: { network: ELSEWHERE },
  wrongToken: { network: OWNER, tokenHash: hashToken('guessed') },
} satisfies Record<string, PeerProof>;
type Strength = keyof typeof proofs;

/** Runs the contract over backplanes that `create` makes, each of them empty. */
export function describePeerClaims(name: string, create: () => Promise<Backplane> | Backplane): void {
  const open = async () => {
    const { rooms, peers, node } = await create();
    const changes: string[] = [];
    rooms.listen((change: Change) =>
      changes.push([change.kind, change.seat.userId, 'reason' in change && change.reason].filter(Boolean).join(' ')),
    );
    const newcomer = (userId: string, proof: PeerProof, seat: Partial<Newcomer> = {}): Newcomer => {
      const address = seat.address ?? `${node}/#${userId}`;
      return {
        meetingId: 'meeting',
        userId,
        username: userId,
        peerId: 'hers',
        proof,
        address,
        ticket: address,
        isMuted: true,
        isVideoOn: false,
        joinedAt: 1,
        request: (lastRequest += 1),
        ...seat,
      };
    };
    const claim = async (...newcomerOf: Parameters<typeof newcomer>) =>
      (await rooms.seat(newcomer(...newcomerOf), 10)).outcome;
    const connect = async (token = 'secret', network = OWNER) => {
      const connection = String((lastConnection += 1));
      const wire = { peerId: 'hers', tokenHash: hashToken(token), network, connection };
      return { wire, isOpen: (await peers.arrive(wire)) !== undefined };
    };
    const claimants = async () => (await rooms.claims('hers')).map(({ userId }) => userId).sort();
    return { rooms, peers, node, changes, newcomer, claim, connect, claimants };
  };

  describe(`claims to peer ids: ${name}`, () => {
    it('[R19] refuse a wrong token while the peer is online', async () => {
      const { claim, connect, claimants } = await open();
      await connect();
      expect(await claim('eve', proofs.wrongToken)).toBe('peer-id-taken');
      expect(await claimants()).toEqual([]);
    });

    it.each([
      ['none', 'address'],
      ['none', 'token'],
      ['address', 'token'],
    ] as [Strength, Strength][])('[R19] with the proof %s yield to %s', async (weak, strong) => {
      const { claim, connect, claimants, changes } = await open();
      await connect();
      expect(await claim('eve', proofs[weak])).toBe('seated');
      expect(await claim('ada', proofs[strong])).toBe('seated');
      expect(await claimants()).toEqual(['ada']);
      expect(changes).toEqual(['seated eve', 'freed eve evicted', 'seated ada']);
    });

    it.each([
      ['token', 'token'],
      ['token', 'address'],
      ['token', 'none'],
      ['address', 'address'],
      ['address', 'none'],
      ['none', 'none'],
    ] as [Strength, Strength][])('[R19] with the proof %s do not yield to %s', async (first, later) => {
      const { claim, connect, claimants } = await open();
      await connect();
      expect(await claim('ada', proofs[first])).toBe('seated');
      expect(await claim('eve', proofs[later])).toBe('peer-id-taken');
      expect(await claimants()).toEqual(['ada']);
    });

    it('[R19] yield in whichever call, and also if the user has the same name', async () => {
      const { node, claim, connect, claimants, changes } = await open();
      await connect();
      expect(await claim('ada', proofs.none, { meetingId: 'other', address: `${node}/#eve` })).toBe('seated');
      expect(await claim('ada', proofs.token)).toBe('seated');
      expect(await claimants()).toEqual(['ada']);
      expect(changes).toEqual(['seated ada', 'freed ada evicted', 'seated ada']);
    });

    it('[R19] need the token once a token proved the peer id, also for the same user', async () => {
      const { node, claim, connect } = await open();
      await connect();
      const elsewhere = { address: `${node}/#elsewhere` };
      expect(await claim('ada', proofs.token)).toBe('seated');
      for (const weaker of [proofs.none, proofs.address])
        for (const meetingId of ['meeting', 'other'])
          expect(await claim('ada', weaker, { meetingId, ...elsewhere })).toBe('peer-id-taken');
      expect(await claim('ada', proofs.token, elsewhere)).toBe('seated');
    });

    it('[R19] let a user without a token take its seat over from another network', async () => {
      const { node, claim, connect } = await open();
      await connect();
      expect(await claim('ada', proofs.address)).toBe('seated');
      expect(await claim('ada', proofs.none, { address: `${node}/#phone` })).toBe('seated');
    });

    it('[R19] do not count an evicted participant as one of the call', async () => {
      const { rooms, newcomer, claim, connect } = await open();
      await connect();
      await claim('eve', proofs.none);
      expect(await rooms.seat(newcomer('ada', proofs.token), 1)).toMatchObject({ outcome: 'seated', others: [] });
    });

    it('[R19] evict no participant if the call is full', async () => {
      const { rooms, newcomer, claim, connect, claimants } = await open();
      await connect();
      await claim('eve', proofs.none);
      await claim('bob', proofs.none, { meetingId: 'other', peerId: 'his' });
      expect((await rooms.seat(newcomer('ada', proofs.token, { meetingId: 'other' }), 1)).outcome).toBe('full');
      expect(await claimants()).toEqual(['eve']);
    });

    it('[R19] with a token reserve a peer id that the broker does not know yet', async () => {
      const { claim, connect } = await open();
      expect(await claim('ada', proofs.token)).toBe('seated');
      expect(await claim('eve', proofs.none)).toBe('peer-id-taken');
      expect(await claim('eve', proofs.wrongToken)).toBe('peer-id-taken');
      expect((await connect('guessed')).isOpen).toBe(false);
      expect((await connect('secret', ELSEWHERE)).isOpen).toBe(true);
    });

    it('[R19] without a token reserve a peer id against participants, until its owner joins', async () => {
      const { claim, connect, claimants } = await open();
      expect(await claim('eve', proofs.none)).toBe('seated');
      expect(await claim('ada', proofs.token)).toBe('peer-id-taken');
      expect((await connect()).isOpen).toBe(true);
      expect(await claim('ada', proofs.token)).toBe('seated');
      expect(await claimants()).toEqual(['ada']);
    });

    it('[R19] yield also while the broker connection of the owner is away', async () => {
      const { peers, claim, connect, claimants } = await open();
      const { wire } = await connect();
      await claim('eve', proofs.none);
      await peers.depart(wire);
      expect(await claim('mallory', proofs.wrongToken)).toBe('peer-id-taken');
      expect(await claim('ada', proofs.address)).toBe('seated');
      expect(await claimants()).toEqual(['ada']);
      // The eviction did not free the peer id.
      expect((await connect('guessed')).isOpen).toBe(false);
      expect((await connect()).isOpen).toBe(true);
    });

    it('[R19] become stronger when the same connection joins again with the token', async () => {
      const { rooms, newcomer, claim, connect, claimants } = await open();
      await connect();
      await claim('ada', proofs.none);
      const again = await rooms.seat(newcomer('ada', proofs.token), 10);
      expect(again).toMatchObject({ outcome: 'unchanged', seat: { joinedAt: 1, proof: proofs.token } });
      expect(await claim('eve', proofs.address)).toBe('peer-id-taken');
      // A later join without the token does not make them weaker.
      await claim('ada', proofs.none);
      expect(await claim('eve', proofs.address)).toBe('peer-id-taken');
      expect(await claimants()).toEqual(['ada']);
    });

    it('[R19] follow a client that reconnects from another network', async () => {
      const { rooms, newcomer, claim, connect } = await open();
      const ada = newcomer('ada', proofs.address);
      await connect();
      await rooms.seat(ada, 10);
      for (const isHeld of [true, false]) {
        const network = `network-${String(isHeld)}`;
        if (isHeld) await rooms.hold(ada, 1000);
        expect(await rooms.resume(ada, network)).toMatchObject({ proof: { network } });
        await connect('secret', network);
        expect(await claim('eve', { network })).toBe('peer-id-taken');
      }
    });

    it('[R19] of several who ask at once are held by the strongest', async () => {
      const { claim, connect, claimants } = await open();
      await connect();
      const asked = Object.entries(proofs).flatMap(([strength, proof]) =>
        [1, 2, 3].map((index) => claim(strength === 'token' ? 'ada' : `${strength}${index}`, proof)),
      );
      await Promise.all(asked);
      expect(await claimants()).toEqual(['ada']);
    });
  });
}
