/* core.sha256: checksums of what arrives in pieces. */
#include "sha256_lua.h"

#include "owner.h"
#include "sha256.h"

static const char sha256_type[] = "multisock.sha256";

/* The sum at 1; raises when it has ended. */
static Box *sum_check(lua_State *L)
{
  Box *box = box_check(L, 1, sha256_type);
  luaL_argcheck(L, box->object != NULL, 1, "the sum has ended");
  return box;
}

static int sum_free(lua_State *L)
{
  Box *box = box_collect(L, sha256_type);
  if (box != NULL) {
    sha256_free(box->object);
    box->object = NULL;
  }
  return 0;
}

/*** Takes bytes.
@param bytes string
@return the same object
@local */
static int sum_update(lua_State *L)
{
  Box *box = sum_check(L);
  size_t size;
  const char *bytes = luaL_checklstring(L, 2, &size);
  if (!sha256_add(box->object, bytes, size))
    return luaL_error(L, "sha256: the library has failed");
  lua_settop(L, 1);
  return 1;
}

/*** Ends it.
@return string: 64 hexadecimal digits
@local */
static int sum_finish(lua_State *L)
{
  static const char digits[] = "0123456789abcdef";
  Box *box = sum_check(L);
  unsigned char result[SHA256_SIZE];
  char text[2 * SHA256_SIZE];
  int i;
  bool ok = sha256_end(box->object, result);
  box->object = NULL;
  if (!ok)
    return luaL_error(L, "sha256: the library has failed");
  for (i = 0; i < SHA256_SIZE; i++) {
    text[2 * i] = digits[result[i] >> 4];
    text[2 * i + 1] = digits[result[i] & 15];
  }
  lua_pushlstring(L, text, sizeof text);
  return 1;
}

/*** Begins a SHA-256: `core.sha256():update("a"):update("b"):finish()`.
@return object; or nil, message where libcurl's TLS library is neither OpenSSL nor
GnuTLS
@local */
int sha256_lua_new(lua_State *L)
{
  Box *box;
  if (!sha256_is_there()) {
    lua_pushnil(L);
    lua_pushliteral(L, "no SHA-256: libcurl is linked to neither OpenSSL nor "
                       "GnuTLS");
    return 2;
  }
  box = box_new(L);
  luaL_setmetatable(L, sha256_type);
  box->object = sha256_new();
  if (box->object == NULL)
    return luaL_error(L, "not enough memory");
  return 1;
}

static int sum_tostring(lua_State *L)
{
  if (box_describe(L, sha256_type) != NULL)
    lua_pushliteral(L, "multisock.sha256 (open)");
  return 1;
}

static const luaL_Reg methods[] = {
  { "update", sum_update },
  { "finish", sum_finish },
  { NULL, NULL },
};

static const luaL_Reg metamethods[] = {
  { "__gc", sum_free },
  { "__close", sum_free },
  { "__tostring", sum_tostring },
  { NULL, NULL },
};

void sha256_lua_open(lua_State *L)
{
  compat_opentype(L, sha256_type, metamethods, methods);
}
