-- Writes a part of a partition's mirror between clearing and stamping.
-- KEYS[1] the partition's hash; ARGV[1] the writer's marker offset; ARGV[2] '1' stamps it; then field, value …
-- Returns 1, or 0 where the filling is not this writer's.
if redis.call('HGET', KEYS[1], '~') ~= ARGV[1] then return 0 end
for i = 3, #ARGV, 2 do redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1]) end
if ARGV[2] == '1' then
  redis.call('HDEL', KEYS[1], '~')
  redis.call('HSET', KEYS[1], '#', ARGV[1] .. ':0')
end
return 1
