-- cogo.new_secret: 32 characters of base62 from the server's strong random source (190 bits).
create function cogo.new_secret()
returns text
language plpgsql
volatile
set search_path = ''
as $$
declare
  alphabet constant text := '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
  secret text := '';
  raw    bytea;
  byte   int;
begin
  while length(secret) < 32 loop
    raw := uuid_send(gen_random_uuid());
    for i in 0..15 loop
      -- bytes 6 and 8 of a version 4 UUID hold its version and variant, not randomness
      continue when i in (6, 8);
      byte := get_byte(raw, i);
      -- 248 = 4 * 62: larger bytes would favour the first letters
      continue when byte >= 248;
      secret := secret || substr(alphabet, byte % 62 + 1, 1);
    end loop;
  end loop;
  return left(secret, 32);
end
$$;
