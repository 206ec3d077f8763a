/* core.decoder: what fetch undoes content codings with, for bodies that come by
   other ways. */
#include "decoder_lua.h"

#include <string.h>

#include "decoder.h"

static const char decoder_type[] = "multisock.decoder";

/* The work of one call: about 1 ms. */
#define WORK (256 * 1024)
#define MOST (64 * 1024)

typedef struct Handle {
  Decoder *decoder; /* NULL once it is closed or has failed */
  const void *self; /* see Owner in owner.h */
} Handle;

static Handle *handle_check(lua_State *L)
{
  Handle *handle = compat_checkudata(L, 1, decoder_type);
  if (handle->self != handle)
    luaL_argerror(L, 1, "the decoder is of another Lua state");
  return handle;
}

/*** Ends the use of this object. May be called again. */
static int handle_close(lua_State *L)
{
  Handle *handle = compat_checkudata(L, 1, decoder_type);
  if (handle->self == handle) {
    decoder_free(handle->decoder);
    handle->decoder = NULL;
  }
  return 0;
}

static int fail(lua_State *L, Handle *handle, const char *message)
{
  decoder_free(handle->decoder);
  handle->decoder = NULL;
  lua_pushnil(L);
  lua_pushstring(L, message);
  return 2;
}

/*** Decodes some bytes: 64 KiB and about 1 ms at most.
@param bytes string
@param first? integer: where to begin in it, default 1
@return string, integer, boolean: the decoded bytes, which may be none; the first
byte that was not taken; whether there is more to be had for the asking, even
without bytes; or nil, string: a message, and then the decoder is closed */
static int handle_decode(lua_State *L)
{
  Handle *handle = handle_check(L);
  size_t size;
  const char *bytes = luaL_checklstring(L, 2, &size);
  lua_Integer first = luaL_optinteger(L, 3, 1);
  luaL_Buffer buffer;
  CodingPiece piece;
  DecoderResult result;
  luaL_argcheck(L, handle->decoder != NULL, 1, "the decoder is closed");
  luaL_argcheck(L, first >= 1 && (size_t)first <= size + 1, 3, "out of range");
  piece.in = bytes + first - 1;
  piece.in_size = size - (size_t)(first - 1);
  piece.message = NULL;
  piece.room = MOST;
  piece.out = luaL_buffinitsize(L, &buffer, MOST);
  result = decoder_run(handle->decoder, &piece, WORK);
  luaL_pushresultsize(&buffer, MOST - piece.room);
  if (result == DECODER_NO_MEMORY)
    return fail(L, handle, "not enough memory");
  if (result == DECODER_CORRUPT)
    return fail(L, handle, piece.message != NULL ? piece.message : "corrupt");
  lua_pushinteger(L, (lua_Integer)(piece.in - bytes) + 1);
  lua_pushboolean(L, result == DECODER_BUSY);
  return 3;
}

/*** Whether the codings are complete, with length and checksum right where they
have these, and nothing came after them.
@return boolean */
static int handle_ended(lua_State *L)
{
  const Handle *handle = handle_check(L);
  lua_pushboolean(L, handle->decoder != NULL &&
                         decoder_has_ended(handle->decoder));
  return 1;
}

/*** Makes a decoder for bytes that came in these codings.
@param codings string: as in Content-Encoding, those of core.version().codings
@return core.Decoder; or nil, string: a message when one of them is not known, or when they
are more than 5 */
int decoder_lua_new(lua_State *L)
{
  size_t size;
  const char *names = luaL_checklstring(L, 1, &size);
  CodingList list;
  Handle *handle;
  memset(&list, 0, sizeof list);
  lua_pushnil(L);
  if (!coding_list_add(&list, names, size)) {
    lua_pushfstring(L, "more than %d codings: %s", DECODER_MOST, names);
    return 2;
  }
  if (list.unknown || list.count == 0) {
    lua_pushfstring(L, "unknown coding: '%s'", names);
    return 2;
  }
  handle = compat_newuserdata(L, sizeof *handle);
  handle->decoder = NULL;
  handle->self = handle;
  luaL_setmetatable(L, decoder_type);
  handle->decoder = decoder_new(&list);
  if (handle->decoder == NULL)
    return luaL_error(L, "not enough memory");
  return 1;
}

void decoder_lua_push_codings(lua_State *L)
{
  int i;
  lua_newtable(L);
  for (i = 0; decoder_coding(i) != NULL; i++) {
    lua_pushstring(L, decoder_coding(i));
    lua_rawseti(L, -2, i + 1);
  }
}

static int handle_tostring(lua_State *L)
{
  lua_pushfstring(L, "multisock.decoder (%s)",
                  handle_check(L)->decoder != NULL ? "open" : "closed");
  return 1;
}

static const luaL_Reg methods[] = {
  { "decode", handle_decode },
  { "ended", handle_ended },
  { "close", handle_close },
  { NULL, NULL },
};

static const luaL_Reg metamethods[] = {
  { "__gc", handle_close },
  { "__close", handle_close },
  { "__tostring", handle_tostring },
  { NULL, NULL },
};

void decoder_lua_open(lua_State *L)
{
  compat_opentype(L, decoder_type, metamethods, methods);
}
