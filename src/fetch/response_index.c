/* See response_index.h. */
#include "response_index.h"

#include "snapshot.h"

/* Upvalues of the metamethod. */
enum { FOUND = 1, SNAPSHOT, COMPUTE };

static const struct {
  const char *name;
  SnapshotField field;
} fields[] = {
  { "headers", SNAPSHOT_HEADERS },
  { "status_text", SNAPSHOT_REASON },
  { "http_version", SNAPSHOT_VERSION },
  { "attempts", SNAPSHOT_ATTEMPTS },
  { "peer", SNAPSHOT_PEER },
};

#define COUNT (sizeof fields / sizeof *fields)

/* Pushes a field out of the snapshot of a response whose body came with its headers;
   false of any other. It is not kept in the response, whose table would outgrow its
   size and be built anew, which costs more than many looks. */
static bool look(lua_State *L, SnapshotField field)
{
  if (!lua_istable(L, 1))
    return false;
  lua_pushvalue(L, lua_upvalueindex(SNAPSHOT));
  lua_rawget(L, 1);
  if (lua_isnil(L, -1))
    return false;
  if (field == SNAPSHOT_HEADERS) /* the same object */
    return true;
  snapshot_push_field(L, lua_gettop(L), field);
  if (field == SNAPSHOT_REASON && lua_isnil(L, -1))
    lua_pushliteral(L, "");
  return true;
}

/* The metamethod. Of a name it looks up what is to be done: a function is a method, a
   number tells the field, a string is a name that Lua is to be asked for. */
static int response_index(lua_State *L)
{
  lua_settop(L, 2);
  lua_rawget(L, lua_upvalueindex(FOUND));
  if (lua_type(L, 2) == LUA_TNUMBER) {
    size_t number = (size_t)lua_tointeger(L, 2);
    if (number >= COUNT || look(L, fields[number].field))
      return 1;
    lua_settop(L, 1);
    lua_pushstring(L, fields[number].name);
  }
  else if (lua_type(L, 2) != LUA_TSTRING) {
    return 1;
  }
  lua_pushvalue(L, lua_upvalueindex(COMPUTE));
  lua_insert(L, 1);
  lua_call(L, 2, 1);
  return 1;
}

/*** Makes `__index` of responses.
@param found table: by name a method, or the name again of a field that `compute` knows.
What C finds by itself in the field `_snapshot` is noted there, too.
@param compute function(response, name)
@return function */
int response_index_new(lua_State *L)
{
  size_t i;
  luaL_checktype(L, 1, LUA_TTABLE);
  luaL_checktype(L, 2, LUA_TFUNCTION);
  lua_settop(L, 2);
  for (i = 0; i < COUNT; i++) {
    lua_pushstring(L, fields[i].name);
    lua_pushinteger(L, (lua_Integer)i);
    lua_rawset(L, 1);
  }
  lua_pushliteral(L, "_snapshot");
  lua_insert(L, 2);
  lua_pushcclosure(L, response_index, 3);
  return 1;
}
