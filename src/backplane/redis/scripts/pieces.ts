// What all scripts share: the keys under which things are stored, and what is done to them again and again.

/*
 * What is stored, each key below a prefix that ends with a version. All of them expire: they are kept for as long as
 * some node renews them.
 *
 *   nodes            sorted set: node → until when it is alive
 *   epoch:<node>     how often it has entered
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
 *   peer:<peer>      hash: tokenHash and network, and node and connection while it is online
 *   peers:<node>     set: the peers that are online at a node
 *   busy:<node>      set: those of them that are participants
 *   waiting:<peer>   list: frames for a peer that is not online
 *   version          number of the last change of all
 *   settling         is there while the nodes bring back what was lost
 */

const COMMON = /* lua */ `
  local P, me, epoch, now, KEEP = KEYS[1], ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
  local call = redis.call
  local function arg(i) return ARGV[4 + i] end
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
  -- The client that opened a peer id, while that is online or claimed.
  local function registrationOf(peer)
    local tokenHash, network = unpack(call('HMGET', P .. 'peer:' .. peer, 'tokenHash', 'network'))
    if not tokenHash then return nil end
    if not isOnline(peer) and call('EXISTS', P .. 'claims:' .. peer) == 0 then return nil end
    return { tokenHash = tokenHash, network = network }
  end
  -- The seats that claim a peer id, but those of one connection; and the first token hash among them, as an owner.
  local function claimsOf(peer, address)
    local claims, owner = {}, nil
    for _, place in ipairs(call('SMEMBERS', P .. 'claims:' .. peer)) do
      local claim = at(place)
      if claim and claim.peerId == peer and claim.address ~= address then
        claims[#claims + 1] = claim
        local tokenHash = claim.proof and claim.proof.tokenHash
        if tokenHash and not owner then owner = { tokenHash = tokenHash } end
      end
    end
    return claims, owner
  end
  -- As in peer-proof.ts. Only hashes are compared, so the time that takes says nothing about a token.
  local WRONG_TOKEN, NONE, ADDRESS, TOKEN = -1, 0, 1, 2
  local function strengthOf(claim, owner)
    local proof = claim.proof
    if not proof or not owner then return NONE end
    if proof.tokenHash then return proof.tokenHash == owner.tokenHash and TOKEN or WRONG_TOKEN end
    return proof.network == owner.network and ADDRESS or NONE
  end
  local function contest(seat)
    local claims, owner = claimsOf(seat.peerId, seat.address)
    owner = registrationOf(seat.peerId) or owner
    local strength = strengthOf(seat, owner)
    if strength == WRONG_TOKEN then return nil end
    local weaker = {}
    for _, claim in ipairs(claims) do
      local other = strengthOf(claim, owner)
      if other == TOKEN and strength < TOKEN then return nil end
      if other >= strength and claim.userId ~= seat.userId then return nil end
      if other < strength then weaker[#weaker + 1] = claim end
    end
    return weaker
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

/**
 * Whoever was away for too long has to enter again before anything else. What it said before, a Redis that was frozen hears
 * after that: it was given up, and is not done any more.
 */
const MEMBERS_ONLY = /* lua */ `
  if not isAlive(me) or call('GET', P .. 'epoch:' .. me) ~= epoch then return redis.error_reply('UNKNOWN_NODE') end
`;

/** For who is not alive yet, or no longer. */
export const entrant = (lua: string) => ({ lua: COMMON + SEATS + lua, numberOfKeys: 1 });
export const member = (lua: string) => ({ lua: COMMON + MEMBERS_ONLY + SEATS + lua, numberOfKeys: 1 });
/** The same for scripts that know no seats, and run for each message. */
export const messenger = (lua: string) => ({ lua: COMMON + MEMBERS_ONLY + lua, numberOfKeys: 1 });
