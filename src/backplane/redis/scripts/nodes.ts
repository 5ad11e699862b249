// What a node does for itself: it comes, stays alive, looks whose lease ran out, and goes.

import { entrant, member } from './pieces';

export const nodes = {
  /**
   * 1: until when the node is alive, 2: its seats, 3: its peers, 4: who left it meanwhile, 5: whether it was there before,
   * 6: capacity, 7: how long others get to bring what they have.
   */
  bcEnter: entrant(/* lua */ `
    local entered = call('GET', P .. 'epoch:' .. me)
    if entered and tonumber(entered) >= tonumber(epoch) then return redis.error_reply('UNKNOWN_NODE') end
    call('SET', P .. 'epoch:' .. me, epoch, 'PX', KEEP)
    local isKnown = call('EXISTS', P .. 'inbox:' .. me)
    local isBack, capacity, settleMs = arg(5) == '1', tonumber(arg(6)), tonumber(arg(7))
    call('ZADD', P .. 'nodes', arg(1), me)
    touch(P .. 'nodes')
    if isBack and isKnown == 0 and settleMs > 0 then call('SET', P .. 'settling', me, 'PX', settleMs) end

    local mine, reasons = {}, {}
    for _, departure in ipairs(cjson.decode(arg(4))) do reasons[placeOf(departure)] = departure.reason end
    for _, seat in ipairs(cjson.decode(arg(2))) do
      mine[placeOf(seat)] = true
      local before = find(seat.meetingId, seat.userId)
      local others, nodes = othersIn(seat.meetingId, seat.userId)
      nodes[me] = nil
      if before and before.address == seat.address then
        -- Whether its peer is online is found out below.
        seat.peerOnline = before.peerOnline
        save(seat, before)
        tell(nodes, 'seated', seat, ',"others":' .. list(others))
        for _, signal in ipairs(take(P .. 'missed:' .. seat.address)) do
          post(me, 'signal', seat.address .. '\\0' .. signal)
        end
      elseif not before and #others < capacity and contest(seat) then
        save(seat)
        tell(nodes, 'seated', seat, ',"others":' .. list(others))
      elseif not before or before.joinedAt >= seat.joinedAt then
        local more = before and ',"others":' .. list(others) .. ',"replaced":' .. cjson.encode(seat)
        if before then tell({ [me] = true }, 'seated', before, more)
        else tell({ [me] = true }, 'freed', seat, ',"reason":"lost"') end
      else
        save(seat, before)
        nodes[nodeOf(before.address)] = true
        tell(nodes, 'seated', seat, ',"others":' .. list(others) .. ',"replaced":' .. cjson.encode(before))
      end
    end
    for _, place in ipairs(call('SMEMBERS', P .. 'seats:' .. me)) do
      local seat = not mine[place] and at(place)
      if seat and nodeOf(seat.address) == me then free(seat, reasons[place] or 'lost') end
    end

    local online = {}
    for _, peer in ipairs(cjson.decode(arg(3))) do
      local key = P .. 'peer:' .. peer.peerId
      local node = call('HGET', key, 'node')
      if node and node ~= '' and node ~= me and isAlive(node) then
        post(me, 'replaced', peer.connection)
      else
        online[peer.peerId] = true
        call('HSET', key, 'tokenHash', peer.tokenHash, 'network', peer.network)
        call('HSET', key, 'node', me, 'connection', peer.connection)
        call('SADD', P .. 'peers:' .. me, peer.peerId)
        touch(key)
        touch(P .. 'peers:' .. me)
        notePeer(peer.peerId, true)
        for _, frame in ipairs(take(P .. 'waiting:' .. peer.peerId)) do
          post(me, 'frame', peer.peerId .. '\\0' .. frame)
        end
      end
    end
    for _, peer in ipairs(call('SMEMBERS', P .. 'peers:' .. me)) do
      if not online[peer] then
        call('SREM', P .. 'peers:' .. me, peer)
        call('SREM', P .. 'busy:' .. me, peer)
        if call('HGET', P .. 'peer:' .. peer, 'node') == me then peerGone(peer) end
      end
    end
    return { isKnown, post(me, 'entered', '') }
  `),

  /** 1: until when the node is alive, 2: what it has read, 3: what it may do, 4: time of grace. */
  bcBeat: member(/* lua */ `
    call('ZADD', P .. 'nodes', arg(1), me)
    call('XTRIM', P .. 'inbox:' .. me, 'MINID', arg(2))
    for _, key in ipairs({ 'nodes', 'epoch:' .. me, 'inbox:' .. me, 'calls', 'seats', 'held' }) do touch(P .. key) end
    if arg(3) == '0' then return 0 end

    local work = 0
    for _, place in ipairs(call('ZRANGEBYSCORE', P .. 'held', '-inf', now, 'LIMIT', 0, 100)) do
      work = work + 1
      local seat = at(place)
      if seat then free(seat, 'lost') else call('ZREM', P .. 'held', place) end
    end
    if arg(3) == '1' then return work end
    for _, node in ipairs(call('ZRANGEBYSCORE', P .. 'nodes', '-inf', now)) do
      local places = call('SPOP', P .. 'seats:' .. node, 100)
      for _, place in ipairs(places) do
        local seat = at(place)
        if seat and nodeOf(seat.address) == node and not seat.heldUntil then
          local others, nodes = othersIn(seat.meetingId, seat.userId)
          local before = cjson.encode(seat)
          seat.heldUntil = now + tonumber(arg(4))
          save(seat)
          call('SREM', P .. 'seats:' .. node, place)
          tell(nodes, 'held', seat, ',"others":' .. list(others) .. ',"before":' .. before)
        end
      end
      local peers = call('SPOP', P .. 'peers:' .. node, 100)
      for _, peer in ipairs(peers) do
        if call('HGET', P .. 'peer:' .. peer, 'node') == node then peerGone(peer) end
      end
      work = work + #places + #peers
      if #places + #peers == 0 then
        call('ZREM', P .. 'nodes', node)
        call('DEL', P .. 'epoch:' .. node, P .. 'inbox:' .. node, P .. 'busy:' .. node)
      end
    end
    call('ZREMRANGEBYSCORE', P .. 'calls', '-inf', now)
    call('ZREMRANGEBYSCORE', P .. 'seats', '-inf', now)
    return work
  `),

  /** 1: seats that are still there, 2: peers. */
  bcRenew: member(/* lua */ `
    for _, key in ipairs({ 'seats:' .. me, 'peers:' .. me, 'busy:' .. me }) do touch(P .. key) end
    for _, seat in ipairs(cjson.decode(arg(1))) do
      local kept = find(seat.meetingId, seat.userId)
      if kept and kept.address == seat.address then keep(kept) end
    end
    for _, peer in ipairs(cjson.decode(arg(2))) do touch(P .. 'peer:' .. peer.peerId) end
  `),

  bcLeave: member(/* lua */ `
    call('ZADD', P .. 'nodes', 0, me)
    call('DEL', P .. 'epoch:' .. me, P .. 'inbox:' .. me)
  `),
} as const;
