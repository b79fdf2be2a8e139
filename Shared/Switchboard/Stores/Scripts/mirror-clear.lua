-- Begins to write a partition's mirror afresh: nobody finds a stamp until it is whole.
-- KEYS[1] the partition's hash; ARGV[1] the writer's marker offset. Returns 1, or -1 where a newer owner has stamped it.
local stamp = redis.call('HGET', KEYS[1], '#') or redis.call('HGET', KEYS[1], '~')
if stamp and tonumber(string.match(stamp, '^(%d+)')) > tonumber(ARGV[1]) then return -1 end
redis.call('DEL', KEYS[1])
redis.call('HSET', KEYS[1], '~', ARGV[1])
return 1
