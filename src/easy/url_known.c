/* See url_known.h. lua/multisock/request/targets.lua is its only user. */
#include "url_known.h"

#include <stdint.h>
#include <string.h>

#include "url_text.h"

/* Hashes of the texts that were asked about last: those of one row in their order, the
   youngest first. Two with the same hash do no harm: one is remembered too early. */
#define ROW_BITS 10
#define ROW_LENGTH 4

typedef struct Sightings {
  uint32_t rows[1 << ROW_BITS][ROW_LENGTH];
} Sightings;

/* Whatever differs in the sum differs in both halves of the result, most likely. */
static uint64_t mix(uint64_t sum)
{
  sum ^= sum >> 32;
  sum *= 0x9E3779B97F4A7C15u;
  return sum ^ (sum >> 32);
}

static uint64_t hash_of(const char *text, size_t size)
{
  uint64_t hash = size, word;
  for (; size >= sizeof word; text += sizeof word, size -= sizeof word) {
    memcpy(&word, text, sizeof word);
    hash = mix(hash ^ word);
  }
  word = 0;
  memcpy(&word, text, size);
  return mix(hash ^ word);
}

/* Whether it was seen lately; now it is. */
static bool see(Sightings *sightings, const char *text, size_t size)
{
  uint64_t hash = hash_of(text, size);
  uint32_t *row = sightings->rows[hash >> (64 - ROW_BITS)];
  uint32_t looked_for = (uint32_t)hash;
  int i;
  for (i = 0; i < ROW_LENGTH; i++)
    if (row[i] == looked_for)
      return true;
  memmove(row + 1, row, (ROW_LENGTH - 1) * sizeof *row);
  row[0] = looked_for;
  return false;
}

/*** What is before the path, where it is nothing but http or https, a name and a port:
of URLs with the same libcurl need be asked only once.
@param text string
@return string; nothing when it is something else */
static int url_place(lua_State *L)
{
  size_t size;
  const char *text = luaL_checklstring(L, 1, &size);
  size_t place = url_text_place(text, size);
  if (place == 0)
    return 0;
  lua_pushlstring(L, text, place);
  return 1;
}

/*** Whether all but the path of a URL is known.
@param text string
@param places table: by what url_place says, what is known of these
@return what is known of its place; nil when that is nothing, or libcurl does not send
what is behind it as it is written; and whether this text was asked about lately */
static int url_known(lua_State *L)
{
  Sightings *sightings = lua_touserdata(L, lua_upvalueindex(1));
  size_t size;
  const char *text = luaL_checklstring(L, 1, &size);
  size_t place = url_text_place(text, size);
  luaL_checktype(L, 2, LUA_TTABLE);
  if (place == 0 || !url_text_is_sent_so(text + place, size - place))
    return 0;
  lua_pushlstring(L, text, place);
  lua_rawget(L, 2);
  lua_pushboolean(L, see(sightings, text, size));
  return 2;
}

bool url_push_under(lua_State *L, int prefix, int idx)
{
  size_t size, prefix_size;
  const char *text = lua_tolstring(L, idx, &size), *end = text + size;
  const char *start = lua_tolstring(L, prefix, &prefix_size);
  luaL_Buffer buffer;
  while (text < end && *text == '/')
    text++;
  if (!url_text_is_plain(text, (size_t)(end - text)))
    return false;
  luaL_buffinit(L, &buffer);
  luaL_addlstring(&buffer, start, prefix_size);
  luaL_addlstring(&buffer, text, (size_t)(end - text));
  luaL_pushresult(&buffer);
  return true;
}

/*** A path, and perhaps a query, behind what stands before all that are written so.
@param prefix string, "http://host/folder/"
@param text any
@return string; nothing when it is something else, or not sent as it is written */
static int url_under(lua_State *L)
{
  (void)luaL_checkstring(L, 1);
  return lua_type(L, 2) == LUA_TSTRING && url_push_under(L, 1, 2) ? 1 : 0;
}

static const luaL_Reg functions[] = {
  { "url_under", url_under },
  { "url_known", url_known },
  { "url_place", url_place },
  { NULL, NULL },
};

void url_known_open(lua_State *L)
{
  Sightings *sightings = compat_newbytes(L, sizeof *sightings);
  memset(sightings, 0, sizeof *sightings);
  luaL_setfuncs(L, functions, 1);
}
