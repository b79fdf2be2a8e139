-- Writes what changed in one partition's mirror, if no newer owner has stamped it.
-- KEYS[1] the partition's hash; ARGV[1] the writer's marker offset; then field, value, field, value …, an empty value deletes.
-- Returns the count of writes under this stamp, 0 where the stamp is missing or older, -1 where it is newer.
local stamp = redis.call('HGET', KEYS[1], '#')
if not stamp then return 0 end
local marker, count = string.match(stamp, '^(%d+):(%d+)$')
if tonumber(marker) > tonumber(ARGV[1]) then return -1 end
if tonumber(marker) < tonumber(ARGV[1]) then return 0 end
for i = 2, #ARGV, 2 do
  if ARGV[i + 1] == '' then redis.call('HDEL', KEYS[1], ARGV[i]) else redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1]) end
end
count = tonumber(count) + 1
redis.call('HSET', KEYS[1], '#', marker .. ':' .. count)
return count
