-- Joined in front of the scripts that use the events of a room, after prelude.lua.
--
-- An epoch is '<own>.<generation>'. `own` changes only when the room is deleted or created, the generation also when
-- events may be lost. A new epoch begins if the metadata is missing, if the server is another one than at the last change,
-- or if a node has seen a number in this epoch that the room has not reached. Numbers continue.

-- Decides on the epoch of a room. `found` begins with the fields `epoch`, `run` and `seq` of its metadata. `first` is `own`
-- of a room without metadata. The node knows the epoch `known`, whose generation may be empty, and in it the number `seen`.
-- Returns the epoch, the room's last number, and whether that is a new epoch, which the script has to store. Returns nil
-- if the room is another incarnation than the node's. Any incarnation will do if `known` is empty.
local function identify(meta, found, first, known, seen)
    local epoch, run = found[1], found[2]
    local seq = epoch and number(meta, found[3]) or 0
    if epoch == known and epoch ~= '' and run == server and seq >= seen then
        return epoch, seq, false
    elseif epoch and not string.match(epoch, '^[^%s.]+%.[^%s.]+$') then
        foreign(meta)
    end
    local own = string.match(epoch or first, '^[^.]*')
    if known ~= '' and own ~= string.match(known, '^[^.]*') then
        return nil
    end
    if epoch ~= known then
        seen = 0
    end
    if not epoch or run ~= server or seq < seen then
        return own .. '.' .. fresh, math.max(seq, seen), true
    end
    return epoch, seq, false
end

-- Stores and announces a new epoch.
local function renew(meta, log, room, channel, epoch, seq)
    local position = note_change(log, room)
    call('HSET', meta, 'epoch', epoch, 'run', server, 'seq', decimal(seq))
    call('EXPIRE', meta, KEEP_ROOM)
    call(publish_command, channel, '1 g ' .. epoch .. ' ' .. decimal(seq) .. ' ' .. position .. '\n')
end
