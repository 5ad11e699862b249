// What happens to a seat, and what is asked about seats.

import { member } from './pieces';

export const seats = {
  /** 1: the seat, 2: capacity. */
  bcSeat: member(/* lua */ `
    local seat, capacity = cjson.decode(arg(1)), tonumber(arg(2))
    local request = seat.request
    seat.request = nil
    local held = heldBy(seat.ticket)
    if held and held.address ~= seat.address then return { 'gone' } end
    local weaker = contest(seat)
    if not weaker then return { 'peer-id-taken' } end
    local isWeaker = {}
    for _, claim in ipairs(weaker) do isWeaker[placeOf(claim)] = true end
    local before = find(seat.meetingId, seat.userId)
    local everybody, nodes = othersIn(seat.meetingId, seat.userId)
    local others = {}
    for _, json in ipairs(everybody) do
      local other = cjson.decode(json)
      if other.address ~= seat.address and not isWeaker[placeOf(other)] then others[#others + 1] = json end
    end
    local more = ',"request":' .. request .. ',"others":' .. list(others)
    if not before then
      if #others >= capacity then return { 'full' } end
      local settling = call('PTTL', P .. 'settling')
      if settling > 0 then return { 'settling', settling } end
    end
    -- First the new claim: without any, the peer id would lose its owner.
    call('SADD', P .. 'claims:' .. seat.peerId, placeOf(seat))
    for _, claim in ipairs(weaker) do
      if placeOf(claim) ~= placeOf(seat) then free(claim, 'evicted') end
    end
    if before and before.address == seat.address and before.peerId == seat.peerId
      and before.username == seat.username then
      before.proof = before.proof or {}
      for name, value in pairs(seat.proof or {}) do before.proof[name] = value end
      save(before, before)
      return { 'told', tell({ [me] = true }, 'confirmed', before, more) }
    end
    local version = nextVersion()
    seat.peerOnline = isOnline(seat.peerId)
    seat.version = version
    save(seat, before)
    nodes[me] = true
    if before then more = more .. ',"replaced":' .. cjson.encode(before) end
    return { 'told', tell(nodes, 'seated', seat, more, version) }
  `),

  /** 4: the reason. */
  bcRelease: member(/* lua */ `
    local seat = heldByAsker()
    return seat and free(seat, arg(4))
  `),

  /** 4: the media. */
  bcMedia: member(/* lua */ `
    local seat = heldByAsker()
    if not seat then return nil end
    local changed = false
    for name, value in pairs(cjson.decode(arg(4))) do
      if seat[name] ~= value then
        seat[name] = value
        changed = true
      end
    end
    if not changed then return { '', cjson.encode({ seat = seat }) } end
    local _, nodes = othersIn(seat.meetingId)
    save(seat, seat)
    return tell(nodes, 'media', seat, ',"media":' .. arg(4))
  `),

  /** 4: the display name. */
  bcRename: member(/* lua */ `
    local seat = heldByAsker()
    if not seat then return nil end
    if seat.username == arg(4) then return { '', cjson.encode({ seat = seat }) } end
    local _, nodes = othersIn(seat.meetingId)
    seat.username = arg(4)
    save(seat, seat)
    return tell(nodes, 'renamed', seat)
  `),

  /** 4: where to, 5: until when it is held there. */
  bcMove: member(/* lua */ `
    local seat = heldByAsker()
    if not seat then return nil end
    local before = cjson.decode(cjson.encode(seat))
    local others, nodes = othersIn(seat.meetingId, seat.userId)
    seat.address, seat.heldUntil = arg(4), tonumber(arg(5))
    save(seat, before)
    local more = ',"others":' .. list(others) .. ',"before":' .. cjson.encode(before)
    if before.address ~= seat.address then
      nodes[nodeOf(seat.address)] = true
      more = more .. ',"missed":' .. list(take(P .. 'missed:' .. before.address))
      more = more .. ',"departed":' .. list(call('LRANGE', P .. 'departed:' .. seat.meetingId, 0, -1))
      call('DEL', P .. 'moved:' .. seat.address)
      call('SET', P .. 'moved:' .. before.address, seat.address, 'PX', 60000)
    end
    return tell(nodes, 'held', seat, more)
  `),

  /** 4: the network from which its client comes now. */
  bcResume: member(/* lua */ `
    local seat = heldByAsker()
    if not seat then return nil end
    seat.proof = seat.proof or {}
    seat.proof.network = arg(4)
    if not seat.heldUntil then
      save(seat, seat)
      return { '', cjson.encode({ seat = seat }) }
    end
    local others, nodes = othersIn(seat.meetingId, seat.userId)
    seat.heldUntil = nil
    save(seat, seat)
    return tell(nodes, 'resumed', seat, ',"others":' .. list(others))
  `),

  /** 1: as of when. */
  bcExpire: member(/* lua */ `
    local freed = {}
    for _, place in ipairs(call('ZRANGEBYSCORE', P .. 'held', '-inf', arg(1), 'LIMIT', 0, 100)) do
      local seat = at(place)
      if seat then
        freed[#freed + 1] = free(seat, 'lost')
      else
        call('ZREM', P .. 'held', place)
      end
    end
    return freed
  `),

  /** 1: the meeting. */
  bcRoster: member(/* lua */ `
    return call('HVALS', P .. 'call:' .. arg(1))
  `),

  /** 1: the meeting, 2: whether all nodes have entered. Tells this node in its inbox who is there. */
  bcCompare: member(/* lua */ `
    local seats = list(call('HVALS', P .. 'call:' .. arg(1)))
    post(me, 'roster', '{"meetingId":' .. cjson.encode(arg(1)) .. ',"isComplete":' .. arg(2) .. ',"seats":' .. seats .. '}')
  `),

  /** 1: the ticket. Gives the seat; or how long others may still bring it back. */
  bcHolder: member(/* lua */ `
    local seat = heldBy(arg(1))
    if seat then return cjson.encode(seat) end
    return math.max(call('PTTL', P .. 'settling'), 0)
  `),

  /** 1: the peer id. */
  bcClaims: member(/* lua */ `
    local seats = {}
    for _, place in ipairs(call('SMEMBERS', P .. 'claims:' .. arg(1))) do
      local seat = at(place)
      if seat then seats[#seats + 1] = cjson.encode(seat) end
    end
    return seats
  `),

  bcCount: member(/* lua */ `
    local online, busy = 0, 0
    for _, node in ipairs(call('ZRANGEBYSCORE', P .. 'nodes', '(' .. now, '+inf')) do
      online = online + call('SCARD', P .. 'peers:' .. node)
      busy = busy + call('SCARD', P .. 'busy:' .. node)
    end
    local kept = '(' .. now
    return { call('ZCOUNT', P .. 'calls', kept, '+inf'), call('ZCOUNT', P .. 'seats', kept, '+inf'), online, busy }
  `),
} as const;
