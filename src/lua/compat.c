/* What older Lua versions lack, in terms of what they have: see compat.h. */
#include "compat.h"

#include <math.h>
#include <string.h>

#undef lua_getfield
#undef lua_rawgeti
#undef lua_rawseti
#undef lua_isyieldable

/* ---- All versions ---- */

void compat_push_release(lua_State *L)
{
  lua_getfield(L, LUA_REGISTRYINDEX, "_LOADED");
  lua_getfield(L, -1, "jit");
  if (lua_istable(L, -1))
    lua_getfield(L, -1, "version");
  else
    lua_pushstring(L, LUA_RELEASE);
  lua_insert(L, -3);
  lua_pop(L, 2);
}

#if LUA_VERSION_NUM >= 503

void compat_open(lua_State *L)
{
  (void)L;
}

#else

/* ---- Whether a coroutine may be suspended ---- */

/* LuaJIT has it, and knows best. A module that was built for Lua 5.1 runs in
   LuaJIT as well, so this is asked of the program that loads it. */
extern int lua_isyieldable(lua_State *L) __attribute__((weak));

#if LUA_VERSION_NUM == 502

static const char resumable_key; /* its address is the registry key */

/* Through which C functions it can suspend: a set. */
void compat_open(lua_State *L)
{
  static const char *const names[] = { "pcall", "xpcall", "dofile" };
  size_t i;
  lua_newtable(L);
  lua_pushglobaltable(L);
  for (i = 0; i < sizeof names / sizeof *names; i++) {
    lua_pushstring(L, names[i]);
    lua_rawget(L, -2); /* a host may not have it, and raise */
    if (lua_isnil(L, -1)) {
      lua_pop(L, 1);
      continue;
    }
    lua_pushboolean(L, 1);
    lua_rawset(L, -4);
  }
  lua_pop(L, 1);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &resumable_key);
}

static bool is_barrier(lua_State *L, lua_Debug *frame)
{
  bool resumable;
  if (*frame->what != 'C')
    return false;
  lua_rawgetp(L, LUA_REGISTRYINDEX, &resumable_key);
  lua_getinfo(L, "f", frame);
  lua_rawget(L, -2);
  resumable = lua_toboolean(L, -1);
  lua_pop(L, 2);
  return !resumable;
}

#else

void compat_open(lua_State *L)
{
  (void)L;
}

/* A metamethod cannot be seen from here. */
static bool is_barrier(lua_State *L, lua_Debug *frame)
{
  (void)L;
  return *frame->what == 'C' ||
         (frame->name != NULL && strcmp(frame->name, "(for generator)") == 0);
}

#endif

/* What is on the stack above the function that asks. */
int compat_isyieldable(lua_State *L)
{
  lua_Debug frame;
  int level;
  bool is_main;
  if (lua_isyieldable != NULL)
    return lua_isyieldable(L);
  is_main = lua_pushthread(L);
  lua_pop(L, 1);
  if (is_main)
    return 0;
  for (level = 1; lua_getstack(L, level, &frame); level++) {
    lua_getinfo(L, "nS", &frame);
    if (is_barrier(L, &frame))
      return 0;
  }
  return 1;
}

/* ---- Integers ---- */

#define EXACT 9007199254740992.0 /* 2^53: beyond, doubles have gaps */

lua_Integer compat_tointegerx(lua_State *L, int idx, int *exact)
{
  lua_Number number = lua_tonumber(L, idx);
  int is = lua_isnumber(L, idx) && number >= -EXACT && number <= EXACT &&
           floor(number) == number;
  if (exact != NULL)
    *exact = is;
  return is ? (lua_Integer)number : 0;
}

int compat_isinteger(lua_State *L, int idx)
{
  int exact = 0;
  if (lua_type(L, idx) == LUA_TNUMBER)
    (void)compat_tointegerx(L, idx, &exact);
  return exact;
}

lua_Integer compat_checkinteger(lua_State *L, int idx)
{
  int exact;
  lua_Integer value = compat_tointegerx(L, idx, &exact);
  if (!exact) {
    (void)luaL_checknumber(L, idx);
    luaL_argerror(L, idx, "number has no integer representation");
  }
  return value;
}

lua_Integer compat_optinteger(lua_State *L, int idx, lua_Integer usual)
{
  return lua_isnoneornil(L, idx) ? usual : compat_checkinteger(L, idx);
}

/* ---- Tables ---- */

int compat_getfield(lua_State *L, int idx, const char *name)
{
  lua_getfield(L, idx, name);
  return lua_type(L, -1);
}

int compat_rawgeti(lua_State *L, int idx, int i)
{
  lua_rawgeti(L, idx, i);
  return lua_type(L, -1);
}

#endif

/* ---- Lua 5.1 ---- */

#if LUA_VERSION_NUM < 502

static int do_nothing(lua_State *L)
{
  (void)L;
  return 0;
}

void compat_remember(lua_State *L)
{
  if (lua_checkstack(L, 1)) {
    lua_pushcfunction(L, do_nothing);
    lua_call(L, 0, 0);
  }
}

static int absolute(lua_State *L, int idx)
{
  return idx > 0 || idx <= LUA_REGISTRYINDEX ? idx : lua_gettop(L) + idx + 1;
}

void compat_rawgetp(lua_State *L, int idx, const void *key)
{
  idx = absolute(L, idx);
  lua_pushlightuserdata(L, (void *)key);
  lua_rawget(L, idx);
}

void compat_rawsetp(lua_State *L, int idx, const void *key)
{
  idx = absolute(L, idx);
  lua_pushlightuserdata(L, (void *)key);
  lua_insert(L, -2);
  lua_rawset(L, idx);
}

void compat_setfuncs(lua_State *L, const luaL_Reg *functions, int upvalues)
{
  int i;
  luaL_checkstack(L, upvalues + 1, "too many upvalues");
  for (; functions->name != NULL; functions++) {
    for (i = 0; i < upvalues; i++)
      lua_pushvalue(L, -upvalues);
    lua_pushcclosure(L, functions->func, upvalues);
    lua_setfield(L, -(upvalues + 2), functions->name);
  }
  lua_pop(L, upvalues);
}

void compat_setmetatable(lua_State *L, const char *type)
{
  luaL_getmetatable(L, type);
  lua_setmetatable(L, -2);
}

void *compat_testudata(lua_State *L, int idx, const char *type)
{
  void *udata = lua_touserdata(L, idx);
  bool same;
  if (udata == NULL || !lua_getmetatable(L, idx))
    return NULL;
  luaL_getmetatable(L, type);
  same = lua_rawequal(L, -1, -2);
  lua_pop(L, 2);
  return same ? udata : NULL;
}

const char *compat_tolstring(lua_State *L, int idx, size_t *size)
{
  if (!luaL_callmeta(L, idx, "__tostring"))
    switch (lua_type(L, idx)) {
    case LUA_TNUMBER:
    case LUA_TSTRING: lua_pushvalue(L, idx); break;
    case LUA_TBOOLEAN:
      lua_pushstring(L, lua_toboolean(L, idx) ? "true" : "false");
      break;
    case LUA_TNIL: lua_pushstring(L, "nil"); break;
    default:
      lua_pushfstring(L, "%s: %p", luaL_typename(L, idx),
                      lua_topointer(L, idx));
    }
  return lua_tolstring(L, -1, size);
}

/* Of the running thread alone. Without the debug library it is empty. */
void compat_traceback(lua_State *L, lua_State *of, const char *message,
                      int level)
{
  (void)of;
  lua_getfield(L, LUA_REGISTRYINDEX, "_LOADED");
  lua_getfield(L, -1, "debug");
  lua_remove(L, -2);
  if (lua_istable(L, -1)) {
    lua_getfield(L, -1, "traceback");
    lua_remove(L, -2);
  }
  if (!lua_isfunction(L, -1)) {
    lua_pop(L, 1);
    lua_pushstring(L, "");
    return;
  }
  lua_pushstring(L, message == NULL ? "" : message);
  lua_pushinteger(L, level + 1); /* traceback itself is a level, too */
  lua_call(L, 2, 1);
}

char *compat_buffinitsize(lua_State *L, luaL_Buffer *buffer, size_t room)
{
  luaL_buffinit(L, buffer);
  return lua_newuserdata(L, room);
}

void compat_pushresultsize(luaL_Buffer *buffer, size_t size)
{
  lua_State *L = buffer->L;
  lua_pushlstring(L, lua_touserdata(L, -1), size);
  lua_remove(L, -2);
}

#endif

/* ---- User values ---- */

#if LUA_VERSION_NUM == 503 || LUA_VERSION_NUM == 502

void *compat_newuserdata(lua_State *L, size_t size)
{
  return lua_newuserdata(L, size);
}

void compat_getuservalue(lua_State *L, int idx)
{
  lua_getuservalue(L, idx);
}

void compat_setuservalue(lua_State *L, int idx)
{
  lua_setuservalue(L, idx);
}

#elif LUA_VERSION_NUM == 501

/* They are environments, which are tables: the registry stands for nil. */
void *compat_newuserdata(lua_State *L, size_t size)
{
  void *udata = lua_newuserdata(L, size);
  lua_pushvalue(L, LUA_REGISTRYINDEX);
  (void)lua_setfenv(L, -2);
  return udata;
}

void compat_getuservalue(lua_State *L, int idx)
{
  lua_getfenv(L, idx);
  if (lua_rawequal(L, -1, LUA_REGISTRYINDEX)) {
    lua_pop(L, 1);
    lua_pushnil(L);
  }
}

void compat_setuservalue(lua_State *L, int idx)
{
  idx = absolute(L, idx);
  if (lua_isnil(L, -1)) {
    lua_pop(L, 1);
    lua_pushvalue(L, LUA_REGISTRYINDEX);
  }
  (void)lua_setfenv(L, idx);
}

#endif
