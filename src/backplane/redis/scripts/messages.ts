// Who is connected to the broker, and what is sent: frames to peers, signals to participants, and from node to node.

import { member, messenger } from './pieces';

export const messages = {
  /** 1: peer id, 2: hash of the token, 3: network, 4: connection. */
  bcArrive: member(/* lua */ `
    local peer, key = arg(1), P .. 'peer:' .. arg(1)
    local node, connection = unpack(call('HMGET', key, 'node', 'connection'))
    local wasOnline = isOnline(peer)
    local owner = registrationOf(peer) or select(2, claimsOf(peer))
    if owner and owner.tokenHash ~= arg(2) then return nil end
    if node and node ~= '' and node ~= me then
      call('SREM', P .. 'peers:' .. node, peer)
      call('SREM', P .. 'busy:' .. node, peer)
      if wasOnline then post(node, 'replaced', connection) end
    end
    call('HSET', key, 'tokenHash', arg(2), 'network', arg(3), 'node', me, 'connection', arg(4))
    call('SADD', P .. 'peers:' .. me, peer)
    touch(key)
    touch(P .. 'peers:' .. me)
    notePeer(peer, true)
    return take(P .. 'waiting:' .. peer)
  `),

  /** 1: peer id, 2: connection. */
  bcDepart: member(/* lua */ `
    local node, connection = unpack(call('HMGET', P .. 'peer:' .. arg(1), 'node', 'connection'))
    if node ~= me or connection ~= arg(2) then return 0 end
    call('SREM', P .. 'peers:' .. me, arg(1))
    call('SREM', P .. 'busy:' .. me, arg(1))
    peerGone(arg(1))
    return 1
  `),

  /** 1: peer id. Gives the hash of its token, its network, and whether it is online. */
  bcRegistration: member(/* lua */ `
    local registration = registrationOf(arg(1))
    return registration and { registration.tokenHash, registration.network, isOnline(arg(1)) and 1 or 0 }
  `),

  /** Returns the ids of all peers that are online. */
  bcPeers: member(/* lua */ `
    local peers = {}
    for _, node in ipairs(call('ZRANGEBYSCORE', P .. 'nodes', '(' .. now, '+inf')) do
      for _, peer in ipairs(call('SMEMBERS', P .. 'peers:' .. node)) do table.insert(peers, peer) end
    end
    return peers
  `),

  /** 1: peer id, 2: the frame, 3: how long it may wait. */
  bcFrame: messenger(/* lua */ `
    local node = call('HGET', P .. 'peer:' .. arg(1), 'node')
    if node == me then return 'here' end
    if node and node ~= '' and isAlive(node) then
      post(node, 'frame', arg(1) .. '\\0' .. arg(2))
      return 'sent'
    end
    local waiting = P .. 'waiting:' .. arg(1)
    call('RPUSH', waiting, arg(2))
    call('PEXPIRE', waiting, 2 * arg(3))
    return 'waits'
  `),

  /** 1: peer id, 2: the frame. Gives whether it still waited. */
  bcWithdraw: messenger(/* lua */ `
    return call('LREM', P .. 'waiting:' .. arg(1), 1, arg(2))
  `),

  /** 1: the address, 2: the signal, 3: how long it may be missed. Gives where in its inbox it is, if that is this node's. */
  bcSignal: messenger(/* lua */ `
    local address = call('GET', P .. 'moved:' .. arg(1)) or arg(1)
    local node = nodeOf(address)
    if isAlive(node) then
      local id = post(node, 'signal', address .. '\\0' .. arg(2))
      return node == me and id or ''
    end
    local missed = P .. 'missed:' .. address
    call('RPUSH', missed, arg(2))
    call('LTRIM', missed, -200, -1)
    call('PEXPIRE', missed, arg(3))
    return ''
  `),

  /** 1: the node, 2: what, 3: the body. Gives whether that node is there. */
  bcPost: messenger(/* lua */ `
    if not isAlive(arg(1)) then return 0 end
    post(arg(1), arg(2), arg(3))
    return 1
  `),
} as const;
