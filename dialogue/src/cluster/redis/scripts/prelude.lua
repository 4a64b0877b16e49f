-- Joined in front of every other script of this folder.
--
-- Common to all scripts:
--   ARGV 1  'PUBLISH', or 'SPUBLISH' in a cluster
--   ARGV 2  the identity of the server, as the node read it on this connection. Another one means that events may be lost.
--   ARGV 3  a random text that was never used before: the second part of a new epoch
--
-- A script reads and checks everything before its first write. Its first write is one that Redis refuses when it is out of
-- memory or read-only, so a refused script has changed nothing. No script begins with `#!lua`: Redis would then refuse
-- the scripts that only read, too.
--
-- Errors of all scripts: those of Redis itself, such as WRONGTYPE, OOM, READONLY, and 'FOREIGN <key>': this key does not
-- have what the scripts write.

local call = redis.call
local publish_command, server, fresh = ARGV[1], ARGV[2], ARGV[3]

-- How long Redis keeps the events and the metadata of an unused room, in seconds.
local KEEP_EVENTS, KEEP_ROOM = 7 * 86400, 30 * 86400

-- The highest integer that Lua counts up to.
local HIGHEST = 9007199254740992

local function foreign(key)
    error({ err = 'FOREIGN ' .. key })
end

-- An integer as text. Without a format, Lua writes large ones with an exponent.
local function decimal(number)
    return string.format('%.0f', number)
end

-- Reads a number of ours.
local function number(key, text)
    local value = tonumber(text)
    if not (value and value >= 0 and value <= HIGHEST) then
        foreign(key)
    end
    return value
end

-- Decides on the epoch of a room. `found` begins with the fields `own`, `gen`, `run` and `seq` of its metadata, `first` is
-- `own` of a room without metadata. The caller knows the generation `known`, and in it the number `seen`.
-- Returns `own`, `gen`, `seq`, and whether that is a new epoch, which the caller has to store.
local function identify(meta, found, first, known, seen)
    local own, gen = found[1], found[2]
    if not own then
        return first, fresh, 0, true
    end
    if not (gen and found[3]) then
        foreign(meta)
    end
    local seq = number(meta, found[4])
    if known ~= gen then
        seen = 0
    end
    if found[3] ~= server or seq < seen then
        return own, fresh, math.max(seq, seen), true
    end
    return own, gen, seq, false
end

-- Notes in the partition's change log that a room has changed. Returns the position of the change.
local function note_change(log, room)
    return call('XADD', log, 'MAXLEN', '~', 1000, '*', 'r', room)
end

-- Stores and announces a new epoch.
local function renew(meta, log, room, channel, own, gen, seq)
    local position = note_change(log, room)
    call('HSET', meta, 'own', own, 'gen', gen, 'run', server, 'seq', decimal(seq))
    call('EXPIRE', meta, KEEP_ROOM)
    call(publish_command, channel, '1 g ' .. own .. '.' .. gen .. ' ' .. decimal(seq) .. ' ' .. position .. '\n')
end

-- The present time in ms since 1970.
local function present_time()
    local time = call('TIME')
    return time[1] * 1000 + math.floor(time[2] / 1000)
end

-- The number of the event that was stored with an idempotency key, as text, if the key counts. `mark` says whether the
-- event is a marked repetition. A key of an earlier incarnation never counts.
local function number_of_key(stored, own, mark, now)
    local key_own, event, at = string.match(stored or '', '^(%S+) (%d+) (%d+)$')
    if key_own == own and (mark ~= 'u' or now - at < 120000) then
        return event
    end
end
