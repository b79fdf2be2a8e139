"""Tokens that are no tokens, or somebody else's."""

import os
import time

import crypto
from client import Client, check_alive, check_call


async def refused(stack, what: str, token: str) -> None:
    async with Client(stack) as client:
        await client.open()
        answer = await client.request("connect", token=token, deviceId="d", platform="web")
        assert answer["code"] == 31004, (what, answer)
        code = await client.closing()
        assert code == 4401, (what, code)


async def test_bad_expired_and_foreign_tokens_are_answered_31004_then_4401(stack):
    good = stack.token("tess")
    head, body, signature = good.split(".")
    header, claims = crypto.unpacked(head), crypto.unpacked(body)
    own = str(stack.run / "signing-key.pem")
    foreign = crypto.fresh_key()
    try:
        again = crypto.es256(header, claims, own)
        async with Client(stack, "tess") as client:  # what the wrong ones differ from
            await client.login(token=again)
        past = time.time() - 5
        flipped = ("A" if signature[0] != "A" else "B") + signature[1:]
        wrong = {
            "nothing": "", "words": "let me in", "two parts": f"{head}.{body}", "four parts": f"{good}.x",
            "dots": "..", "another signature": f"{head}.{body}.{flipped}", "no signature": f"{head}.{body}.",
            "a longer signature": f"{good}AAAA", "not Base64": f"{head}.{body}.***",
            "another payload": f"{head}.{crypto.base64url(b'{}')}.{signature}",
            "expired": crypto.es256(header, claims | {"exp": past}, own),
            "a key of nobody's": crypto.es256(header, claims, foreign),
            "an unknown key id": crypto.es256(header | {"kid": "nobody"}, claims, own),
            "no key id": crypto.es256({k: v for k, v in header.items() if k != "kid"}, claims, foreign),
            "alg none": crypto.unsigned(header | {"alg": "none"}, claims),
            "alg None": crypto.unsigned(header | {"alg": "None"}, claims),
            "alg HS256 by the public key": crypto.hs256(header | {"alg": "HS256"}, claims, crypto.public_key(own)),
            "alg HS256 by the App Secret":
                crypto.hs256(header | {"alg": "HS256"}, claims, stack.known["appSecret"].encode()),
            "an unknown application": crypto.es256(header, claims | {"app": "nobodysApp"}, own),
            "no user": crypto.es256(header, {k: v for k, v in claims.items() if k != "sub"}, own),
            "a user that cannot be": crypto.es256(header, claims | {"sub": "../a b"}, own),
            "an expiry that is no time": crypto.es256(header, claims | {"exp": "never"}, own),
            "claims that are none": crypto.es256(header, [claims], own),
        }
        for what, token in wrong.items():
            await refused(stack, what, token)
    finally:
        os.unlink(foreign)
    await check_call(stack)


async def test_times_at_the_ends_of_their_range_in_a_token_hurt_nobody(stack):
    good = stack.token("tina")
    head, body, _ = good.split(".")
    header, claims = crypto.unpacked(head), crypto.unpacked(body)
    own = str(stack.run / "signing-key.pem")
    for name in ("iat", "exp"):
        for value in (1e300, -1e300, 9.3e15, -9.3e15, 0):
            async with Client(stack, "tina") as client:
                await client.open()
                token = crypto.es256(header, claims | {name: value}, own)
                answer = await client.request("connect", token=token, deviceId="d", platform="web")
                assert answer["code"] in (0, 31004), (name, value, answer)
    await check_call(stack)


async def test_a_refresh_with_a_bad_or_foreign_token_is_refused_and_the_connection_stays(stack):
    async with Client(stack, "rita") as client:
        await client.login()
        for what, token in {"words": "let me in", "another user's": stack.token("otto")}.items():
            answer = await client.request("token.refresh", token=token)
            assert answer["code"] == 31004, (what, answer)
        await check_alive(client)
        assert (await client.request("token.refresh", token=stack.token("rita")))["code"] == 0
