/* What differs between Lua versions and libcurl headers, in one place.
   Every C file that touches Lua includes this one instead of lua.h. */
#pragma once

#if defined(__has_include)
#if !__has_include(<lua.h>)
#error \
    "lua.h not found: install liblua5.4-dev or libluajit-5.1-dev (Debian), \
lua-devel or luajit-devel (Fedora)"
#endif
#if !__has_include(<curl/curl.h>)
#error "curl/curl.h not found: install libcurl4-openssl-dev (Debian), \
libcurl-devel (Fedora), or name its folder with CURL_DIR="
#endif
#if !__has_include(<uv.h>)
#error "uv.h not found: install libuv1-dev (Debian), libuv-devel (Fedora), \
or name its folder with UV_DIR="
#endif
#endif

#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <curl/curl.h>

#include "curl_version.h"

#if LIBCURL_VERSION_NUM < 0x075100
#error "multisock needs libcurl 7.81.0 or newer"
#endif

#if LUA_VERSION_NUM < 501 || LUA_VERSION_NUM > 504
#error "multisock is built for Lua 5.1 to 5.4 and LuaJIT 2.1"
#endif

/* The build hides all else (-fvisibility=hidden): a host that exports a function
   of the same name would get our calls. */
#define EXPORT __attribute__((visibility("default")))

/* In formats of lua_pushfstring and luaL_error: "%I" came with Lua 5.3. */
#if LUA_VERSION_NUM >= 503
#define INTEGER "%I"
#define INTEGER_VALUE(value) ((LUAI_UACINT)(value))
#else
#define INTEGER "%f" /* without a fraction, to 14 digits */
#define INTEGER_VALUE(value) ((lua_Number)(value))
#endif

/* Whether a C function can go on after it has suspended its coroutine, with a
   pointer that it needs then. Elsewhere Lua suspends, between two functions. */
#define COMPAT_CONTINUES (LUA_VERSION_NUM >= 503)

/* Called once by each state, before all else. */
void compat_open(lua_State *L);

/* Pushes the name and version of the Lua that runs. */
void compat_push_release(lua_State *L);

/* Resumes a suspended coroutine; `count` results are on its stack then. */
static inline int compat_resume(lua_State *co, lua_State *from, int *count)
{
#if LUA_VERSION_NUM >= 504
  return lua_resume(co, from, 0, count);
#else
  int status;
#if LUA_VERSION_NUM >= 502
  status = lua_resume(co, from, 0);
#else
  (void)from;
  status = lua_resume(co, 0);
#endif
  *count = lua_gettop(co);
  return status;
#endif
}

/* ---- What Lua lacks before 5.3, by the names of 5.3. Integers are doubles
   there: a number is one when it has no fraction and is exact. ---- */

#if LUA_VERSION_NUM < 503

#ifndef LUA_OK
#define LUA_OK 0
#endif
#undef LUA_MAXINTEGER
#undef LUA_MININTEGER
#define LUA_MAXINTEGER INT64_MAX
#define LUA_MININTEGER INT64_MIN

int compat_isinteger(lua_State *L, int idx);
lua_Integer compat_tointegerx(lua_State *L, int idx, int *exact);
lua_Integer compat_checkinteger(lua_State *L, int idx);
lua_Integer compat_optinteger(lua_State *L, int idx, lua_Integer usual);
int compat_isyieldable(lua_State *L);
int compat_getfield(lua_State *L, int idx, const char *name);
int compat_rawgeti(lua_State *L, int idx, int i);

#define lua_isinteger compat_isinteger
#define lua_tointegerx compat_tointegerx
#define luaL_checkinteger compat_checkinteger
#define luaL_optinteger compat_optinteger
#define lua_isyieldable compat_isyieldable
#define lua_getfield compat_getfield
#define lua_rawgeti(L, idx, i) compat_rawgeti(L, idx, (int)(i))
#undef lua_rawseti
#define lua_rawseti(L, idx, i) (lua_rawseti)(L, idx, (int)(i))

#endif

/* ---- What Lua lacks before 5.2. LuaJIT has some of it; a module that needs
   none of that runs there and in Lua 5.1. ---- */

#if LUA_VERSION_NUM < 502

void compat_rawgetp(lua_State *L, int idx, const void *key);
void compat_rawsetp(lua_State *L, int idx, const void *key);
void compat_setfuncs(lua_State *L, const luaL_Reg *functions, int upvalues);
void compat_setmetatable(lua_State *L, const char *type);
void *compat_testudata(lua_State *L, int idx, const char *type);
const char *compat_tolstring(lua_State *L, int idx, size_t *size);
void compat_traceback(lua_State *L, lua_State *of, const char *message,
                      int level);
char *compat_buffinitsize(lua_State *L, luaL_Buffer *buffer, size_t room);
void compat_pushresultsize(luaL_Buffer *buffer, size_t size);

/* LuaJIT forgets which coroutine runs when a C function raises after it has run
   another one, as libcurl's callbacks do: the next compiled code to end then
   goes on with that other one, and crashes. Any call before makes it known. */
void compat_remember(lua_State *L);

#define lua_error(L) (compat_remember(L), (lua_error)(L))
#define luaL_error(L, ...) (compat_remember(L), (luaL_error)(L, __VA_ARGS__))
#define luaL_argerror(L, idx, message) \
  (compat_remember(L), (luaL_argerror)(L, idx, message))

#define lua_rawlen lua_objlen
#define lua_rawgetp compat_rawgetp
#define lua_rawsetp compat_rawsetp
#undef luaL_setfuncs
#define luaL_setfuncs compat_setfuncs
#define luaL_setmetatable compat_setmetatable
#define luaL_testudata compat_testudata
#define luaL_tolstring compat_tolstring
#define luaL_traceback compat_traceback
/* Nothing may be left on the stack between the two. */
#define luaL_buffinitsize compat_buffinitsize
#define luaL_pushresultsize compat_pushresultsize
#define luaL_checkversion(L) ((void)(L))

#endif

/* ---- Userdata and files ---- */

/* A type of userdata is named by a string constant whose address is also the
   registry key of its metatable: cheaper to look up than the name, and done
   at each call. */
static inline bool compat_newtype(lua_State *L, const char *type)
{
  if (!luaL_newmetatable(L, type)) {
    lua_pop(L, 1);
    return false;
  }
#if LUA_VERSION_NUM < 503
  lua_pushstring(L, type);
  lua_setfield(L, -2, "__name");
#endif
  lua_pushvalue(L, -1);
  lua_rawsetp(L, LUA_REGISTRYINDEX, type);
  return true;
}

/* The whole of a type that has nothing else: its metamethods (NULL: none) and
   its methods. */
static inline void compat_opentype(lua_State *L, const char *type,
                                   const luaL_Reg *metamethods,
                                   const luaL_Reg *methods)
{
  if (!compat_newtype(L, type))
    return;
  if (metamethods != NULL)
    luaL_setfuncs(L, metamethods, 0);
  lua_newtable(L);
  luaL_setfuncs(L, methods, 0);
  lua_setfield(L, -2, "__index");
  lua_pop(L, 1);
}

/* Gives a type that is open already more methods. */
static inline void compat_addmethods(lua_State *L, const char *type,
                                     const luaL_Reg *methods)
{
  luaL_getmetatable(L, type);
  lua_getfield(L, -1, "__index");
  luaL_setfuncs(L, methods, 0);
  lua_pop(L, 2);
}

/* As luaL_checkudata. */
static inline void *compat_checkudata(lua_State *L, int idx, const char *type)
{
  void *udata = lua_touserdata(L, idx);
  if (udata != NULL && lua_getmetatable(L, idx)) {
    bool same;
    lua_rawgetp(L, LUA_REGISTRYINDEX, type);
    same = lua_rawequal(L, -1, -2);
    lua_pop(L, 2);
    if (same)
      return udata;
  }
  return luaL_checkudata(L, idx, type); /* raises */
}

/* A userdata of which the first word of the memory is `type`, which Lua cannot write;
   NULL for any other value. */
static inline void *compat_testmarked(lua_State *L, int idx, const char *type)
{
  const char **memory = lua_touserdata(L, idx);
  /* Of a light one the length is 0. */
  if (memory == NULL || lua_rawlen(L, idx) < sizeof *memory || *memory != type)
    return NULL;
  return memory;
}

/* The same, and raises for any other value: for what every request passes. */
static inline void *compat_checkmarked(lua_State *L, int idx, const char *type)
{
  void *memory = compat_testmarked(L, idx, type);
  return memory != NULL ? memory : luaL_checkudata(L, idx, type); /* raises */
}

/* Each userdata of ours has one user value: a table that holds the Lua
   values it needs, so that cycles through it stay collectable; nil at first. */
#if LUA_VERSION_NUM >= 504

static inline void *compat_newuserdata(lua_State *L, size_t size)
{
  return lua_newuserdatauv(L, size, 1);
}

static inline void compat_getuservalue(lua_State *L, int idx)
{
  lua_getiuservalue(L, idx, 1);
}

static inline void compat_setuservalue(lua_State *L, int idx)
{
  lua_setiuservalue(L, idx, 1);
}

#else

void *compat_newuserdata(lua_State *L, size_t size);
void compat_getuservalue(lua_State *L, int idx);
void compat_setuservalue(lua_State *L, int idx);

#endif

/* Memory that the collector frees. */
static inline void *compat_newbytes(lua_State *L, size_t size)
{
#if LUA_VERSION_NUM >= 504
  return lua_newuserdatauv(L, size, 0);
#else
  return lua_newuserdata(L, size);
#endif
}

/* False when the value is no file of Lua's; a closed one is NULL. */
static inline bool compat_tofile(lua_State *L, int idx, FILE **file)
{
  void *udata = luaL_testudata(L, idx, LUA_FILEHANDLE);
  if (udata == NULL)
    return false;
#if LUA_VERSION_NUM >= 502
  *file =
      ((luaL_Stream *)udata)->closef == NULL ? NULL : ((luaL_Stream *)udata)->f;
#else
  *file = *(FILE **)udata;
#endif
  return true;
}
