// What Redis does in one piece: each script changes what is stored and tells it to the nodes that it concerns.

/*
 * What is stored, each key below a prefix that ends with a version. All of them expire: they are kept for as long as
 * some node renews them.
 *
 *   nodes            sorted set: node → until when it is alive
 *   inbox:<node>     stream of what the node is told, one field per entry: what it is, and its JSON
 *   call:<meeting>   hash: user → seat, as JSON; fields that a script does not know stay in it
 *   calls, seats     sorted sets: meeting, or meeting and user → until when it is kept
 *   held             sorted set: meeting and user → until when the seat is held
 *   seats:<node>     set: the seats of a node
 *   claims:<peer>    set: the seats that claim a peer id
 *   ticket:<ticket>  the seat of a ticket
 *   missed:<address> list: the signals for a held seat whose node is gone
 *   departed:<meeting> list: who left lately, for who comes back from a node that cannot tell any more
 *   moved:<address>  where a seat went from there: somebody may not have been told yet
 *   peer:<peer>      hash: token, and node and connection while it is online
 *   peers:<node>     set: the peers that are online at a node
 *   busy:<node>      set: those of them that are participants
 *   waiting:<peer>   list: frames for a peer that is not online
 *   version          number of the last change of all
 *   settling         is there while the nodes bring back what was lost
 */

const COMMON = /* lua */ `
  local P, me, now, KEEP = KEYS[1], ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
  local call = redis.call
  local function arg(i) return ARGV[3 + i] end
  local function touch(key) call('PEXPIRE', key, KEEP) end

  local function nodeOf(address) return string.match(address, '^[^/]*') end
  local function isAlive(node)
    local leased = call('ZSCORE', P .. 'nodes', node)
    return leased and tonumber(leased) > now
  end
  local function post(node, what, body)
    local inbox = P .. 'inbox:' .. node
    local id = call('XADD', inbox, 'MAXLEN', '~', 100000, '*', what, body)
    touch(inbox)
    return id
  end
`;

const SEATS = /* lua */ `
  local function placeOf(seat) return seat.meetingId .. '\\0' .. seat.userId end
  local function find(meeting, user)
    local json = call('HGET', P .. 'call:' .. meeting, user)
    return json and cjson.decode(json)
  end
  local function at(place)
    local meeting, user = string.match(place, '^(.-)%z(.*)$')
    return find(meeting, user)
  end
  -- The JSON of everybody in a call but one user, and their nodes.
  local function othersIn(meeting, user)
    local others, nodes = {}, {}
    local fields = call('HGETALL', P .. 'call:' .. meeting)
    for i = 1, #fields, 2 do
      nodes[nodeOf(cjson.decode(fields[i + 1]).address)] = true
      if fields[i] ~= user then others[#others + 1] = fields[i + 1] end
    end
    return others, nodes
  end
  local function list(items) return '[' .. table.concat(items, ',') .. ']' end

  -- The number of a change, as text: cjson keeps 14 digits of a number. It grows even when all is lost, because it began
  -- with the time.
  local function nextVersion()
    local key = P .. 'version'
    if call('EXISTS', key) == 0 then call('SET', key, string.format('%.0f', now * 1000)) end
    local version = string.format('%.0f', call('INCR', key))
    touch(key)
    return version
  end
  -- Tells nodes of a change; gives where in its inbox this node is told, and what.
  local function tell(nodes, kind, seat, more, version)
    local body = '{"kind":"' .. kind .. '","version":' .. (version or nextVersion()) .. ',"seat":' .. cjson.encode(seat)
      .. (more or '') .. '}'
    local told = ''
    for node in pairs(nodes) do
      -- Also one whose lease ran out: it may be back before it is judged dead, and read on.
      if node == me then told = post(node, 'change', body)
      elseif call('EXISTS', P .. 'inbox:' .. node) == 1 then post(node, 'change', body) end
    end
    return { told, body }
  end

  -- Takes all there is in a list.
  local function take(key)
    local items = call('LRANGE', key, 0, -1)
    call('DEL', key)
    return items
  end

  -- A peer that is neither online nor claimed is forgotten.
  local function settlePeer(peer)
    local key = P .. 'peer:' .. peer
    local node = call('HGET', key, 'node')
    local isClaimed = call('EXISTS', P .. 'claims:' .. peer) == 1
    if not node then return end
    if node == '' then
      if not isClaimed then call('DEL', key) end
    elseif isClaimed then
      call('SADD', P .. 'busy:' .. node, peer)
      touch(P .. 'busy:' .. node)
    else
      call('SREM', P .. 'busy:' .. node, peer)
    end
  end
  local function isOnline(peer)
    local node = call('HGET', P .. 'peer:' .. peer, 'node')
    return (node and node ~= '' and isAlive(node)) and true or false
  end

  local function keep(seat)
    local place, node = placeOf(seat), nodeOf(seat.address)
    call('ZADD', P .. 'calls', now + KEEP, seat.meetingId)
    call('ZADD', P .. 'seats', now + KEEP, place)
    call('SADD', P .. 'seats:' .. node, place)
    call('SADD', P .. 'claims:' .. seat.peerId, place)
    call('SET', P .. 'ticket:' .. seat.ticket, place, 'PX', KEEP)
    for _, key in ipairs({ 'calls', 'seats', 'seats:' .. node, 'claims:' .. seat.peerId, 'call:' .. seat.meetingId }) do
      touch(P .. key)
    end
  end
  -- Forgets what a seat stood under, but for what the one after it stands under, too.
  local function let(seat, after)
    local place = placeOf(seat)
    if not after or nodeOf(after.address) ~= nodeOf(seat.address) then
      call('SREM', P .. 'seats:' .. nodeOf(seat.address), place)
    end
    if not after or after.ticket ~= seat.ticket then
      local key = P .. 'ticket:' .. seat.ticket
      if call('GET', key) == place then call('DEL', key) end
    end
    if not after or after.peerId ~= seat.peerId then
      call('SREM', P .. 'claims:' .. seat.peerId, place)
      settlePeer(seat.peerId)
    end
  end
  local function save(seat, before)
    call('HSET', P .. 'call:' .. seat.meetingId, seat.userId, cjson.encode(seat))
    keep(seat)
    if before then let(before, seat) end
    settlePeer(seat.peerId)
    if seat.heldUntil then
      call('ZADD', P .. 'held', seat.heldUntil, placeOf(seat))
      touch(P .. 'held')
    else
      call('ZREM', P .. 'held', placeOf(seat))
    end
  end
  local function free(seat, reason)
    local _, nodes = othersIn(seat.meetingId)
    local version = nextVersion()
    call('HDEL', P .. 'call:' .. seat.meetingId, seat.userId)
    local departed = P .. 'departed:' .. seat.meetingId
    if call('EXISTS', P .. 'call:' .. seat.meetingId) == 0 then
      call('ZREM', P .. 'calls', seat.meetingId)
      call('DEL', departed)
    else
      local departure = ',"reason":"' .. reason .. '","seat":' .. cjson.encode(seat) .. '}'
      call('RPUSH', departed, '{"version":' .. version .. departure)
      call('LTRIM', departed, -50, -1)
      call('PEXPIRE', departed, 120000)
    end
    call('ZREM', P .. 'seats', placeOf(seat))
    call('ZREM', P .. 'held', placeOf(seat))
    call('DEL', P .. 'missed:' .. seat.address)
    let(seat)
    return tell(nodes, 'freed', seat, ',"reason":"' .. reason .. '"', version)
  end
  local function notePeer(peer, online)
    for _, place in ipairs(call('SMEMBERS', P .. 'claims:' .. peer)) do
      local seat = at(place)
      if seat and seat.peerOnline ~= online then
        local _, nodes = othersIn(seat.meetingId)
        seat.peerOnline = online
        save(seat, seat)
        tell(nodes, 'peer', seat)
      end
    end
    settlePeer(peer)
  end
  local function peerGone(peer)
    call('HSET', P .. 'peer:' .. peer, 'node', '', 'connection', '')
    notePeer(peer, false)
  end
  -- Whether the peer id is held by somebody else: another user, on another connection.
  local function isTaken(seat)
    for _, place in ipairs(call('SMEMBERS', P .. 'claims:' .. seat.peerId)) do
      local claim = at(place)
      if claim and claim.peerId == seat.peerId and claim.userId ~= seat.userId and claim.address ~= seat.address then
        return true
      end
    end
    return false
  end
  -- The seat of a ticket.
  local function heldBy(ticket)
    local place = call('GET', P .. 'ticket:' .. ticket)
    local seat = place and at(place)
    return seat and seat.ticket == ticket and seat or nil
  end
  -- The seat that a connection holds: arguments 1 to 3 are meeting, user and address.
  local function heldByAsker()
    local seat = find(arg(1), arg(2))
    return seat and seat.address == arg(3) and seat or nil
  end
`;

/** Whoever was away for too long has to enter again before anything else. */
const MEMBERS_ONLY = /* lua */ `
  if not isAlive(me) then return redis.error_reply('UNKNOWN_NODE') end
`;

const member = (lua: string) => ({ lua: COMMON + MEMBERS_ONLY + SEATS + lua, numberOfKeys: 1 });
/** The same for scripts that know no seats, and run for each message. */
const messenger = (lua: string) => ({ lua: COMMON + MEMBERS_ONLY + lua, numberOfKeys: 1 });

export const scripts = {
  /**
   * 1: until when the node is alive, 2: its seats, 3: its peers, 4: who left it meanwhile, 5: whether it was there before,
   * 6: capacity, 7: how long others get to bring what they have.
   */
  bcEnter: {
    numberOfKeys: 1,
    lua:
      COMMON +
      SEATS +
      /* lua */ `
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
        elseif not before and #others < capacity and not isTaken(seat) then
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
          call('HSET', key, 'token', peer.token, 'node', me, 'connection', peer.connection)
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
    `,
  },

  /** 1: until when the node is alive, 2: what it has read, 3: what it may do, 4: time of grace. */
  bcBeat: member(/* lua */ `
    call('ZADD', P .. 'nodes', arg(1), me)
    call('XTRIM', P .. 'inbox:' .. me, 'MINID', arg(2))
    for _, key in ipairs({ 'nodes', 'inbox:' .. me, 'calls', 'seats', 'held' }) do touch(P .. key) end
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
        call('DEL', P .. 'inbox:' .. node, P .. 'busy:' .. node)
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
    call('DEL', P .. 'inbox:' .. me)
  `),

  /** 1: the seat, 2: capacity. */
  bcSeat: member(/* lua */ `
    local seat, capacity = cjson.decode(arg(1)), tonumber(arg(2))
    local request = seat.request
    seat.request = nil
    local held = heldBy(seat.ticket)
    if held and held.address ~= seat.address then return { 'gone' } end
    if isTaken(seat) then return { 'peer-id-taken' } end
    local before = find(seat.meetingId, seat.userId)
    local everybody, nodes = othersIn(seat.meetingId, seat.userId)
    local others = {}
    for _, json in ipairs(everybody) do
      if cjson.decode(json).address ~= seat.address then others[#others + 1] = json end
    end
    local more = ',"request":' .. request .. ',"others":' .. list(others)
    if before and before.address == seat.address and before.peerId == seat.peerId
      and before.username == seat.username then
      return { 'told', tell({ [me] = true }, 'confirmed', before, more) }
    end
    if not before then
      if #others >= capacity then return { 'full' } end
      local settling = call('PTTL', P .. 'settling')
      if settling > 0 then return { 'settling', settling } end
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

  bcResume: member(/* lua */ `
    local seat = heldByAsker()
    if not seat then return nil end
    if not seat.heldUntil then return { '', cjson.encode({ seat = seat }) } end
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

  /** 1: peer id, 2: token, 3: connection. */
  bcArrive: member(/* lua */ `
    local peer, key = arg(1), P .. 'peer:' .. arg(1)
    local token, node, connection = unpack(call('HMGET', key, 'token', 'node', 'connection'))
    local wasOnline = isOnline(peer)
    if token and token ~= arg(2) and (wasOnline or call('EXISTS', P .. 'claims:' .. peer) == 1) then return nil end
    if node and node ~= '' and node ~= me then
      call('SREM', P .. 'peers:' .. node, peer)
      call('SREM', P .. 'busy:' .. node, peer)
      if wasOnline then post(node, 'replaced', connection) end
    end
    call('HSET', key, 'token', arg(2), 'node', me, 'connection', arg(3))
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

  /** 1: peer id. */
  bcOnline: member(/* lua */ `
    return isOnline(arg(1)) and 1 or 0
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

export type ScriptName = keyof typeof scripts;
