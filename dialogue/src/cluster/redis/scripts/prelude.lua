-- Joined in front of every other script of this folder.
--
-- Common to all scripts:
--   ARGV 1  'PUBLISH', or 'SPUBLISH' in a cluster
--   ARGV 2  the identity of the server, as the node read it on this connection. Another one means that events may be lost.
--   ARGV 3  a random text that was never used before: the second part of a new epoch
--
-- A script reads and checks everything before its first write. Redis decides at this write: if it is out of memory or
-- read-only, it refuses the script, which has then changed nothing. It allows all later ones. No script begins with `#!lua`:
-- Redis would then refuse the scripts that only read, too. The first write needs memory, except in scripts that free some.
--
-- Errors of all scripts: those of Redis itself, such as WRONGTYPE, OOM, READONLY, and 'FOREIGN <key>': this key does not
-- have what the scripts write.

local call = redis.call
local publish_command, server, fresh = ARGV[1], ARGV[2], ARGV[3]

-- How long Redis keeps the events and the metadata of an unused room, in seconds.
local KEEP_EVENTS, KEEP_ROOM = 7 * 86400, 30 * 86400

-- The highest integer that Lua counts up to.
local HIGHEST = 9007199254740992

-- An integer as text. Without a format, Lua writes large ones with an exponent.
local function decimal(number)
    return string.format('%.0f', number)
end

local function foreign(key)
    error({ err = 'FOREIGN ' .. key })
end

-- Reads an integer of ours.
local function number(key, text)
    local value = tonumber(text)
    if not (value and value >= 0 and value <= HIGHEST and value % 1 == 0) then
        foreign(key)
    end
    return value
end

-- Notes in the partition's change log that a room has changed. Returns the position of the change.
local function note_change(log, room)
    return call('XADD', log, 'MAXLEN', '~', 1000, '*', 'r', room)
end
