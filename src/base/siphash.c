/* See siphash.h. */
#include "siphash.h"

#include <stdint.h>

typedef struct State {
  uint64_t a, b, c, d;
} State;

static uint64_t rotate(uint64_t word, int bits)
{
  return word << bits | word >> (64 - bits);
}

static void mix(State *state, int rounds)
{
  while (rounds-- > 0) {
    state->a += state->b;
    state->b = rotate(state->b, 13) ^ state->a;
    state->a = rotate(state->a, 32);
    state->c += state->d;
    state->d = rotate(state->d, 16) ^ state->c;
    state->a += state->d;
    state->d = rotate(state->d, 21) ^ state->a;
    state->c += state->b;
    state->b = rotate(state->b, 17) ^ state->c;
    state->c = rotate(state->c, 32);
  }
}

static void take(State *state, uint64_t word)
{
  state->d ^= word;
  mix(state, 2);
  state->a ^= word;
}

/* Up to eight bytes, the lowest first. */
static uint64_t read_word(const unsigned char *at, size_t count)
{
  uint64_t word = 0;
  while (count-- > 0)
    word = word << 8 | at[count];
  return word;
}

static void write_word(unsigned char *to, uint64_t word)
{
  int i;
  for (i = 0; i < 8; i++)
    to[i] = (unsigned char)(word >> (8 * i));
}

void siphash(const unsigned char *key, const void *text, size_t size,
             unsigned char *hash)
{
  const unsigned char *at = text;
  uint64_t low = read_word(key, 8), high = read_word(key + 8, 8);
  size_t left = size;
  State state;
  state.a = low ^ UINT64_C(0x736f6d6570736575);
  state.b = high ^ UINT64_C(0x646f72616e646f6d) ^ 0xee;
  state.c = low ^ UINT64_C(0x6c7967656e657261);
  state.d = high ^ UINT64_C(0x7465646279746573);
  for (; left >= 8; at += 8, left -= 8)
    take(&state, read_word(at, 8));
  take(&state, read_word(at, left) | (uint64_t)size << 56);
  state.c ^= 0xee;
  mix(&state, 4);
  write_word(hash, state.a ^ state.b ^ state.c ^ state.d);
  state.b ^= 0xdd;
  mix(&state, 4);
  write_word(hash + 8, state.a ^ state.b ^ state.c ^ state.d);
}
