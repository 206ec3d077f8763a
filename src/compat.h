/* What differs between Lua versions and libcurl headers, in one place.
   Every C file that touches Lua includes this one instead of lua.h. */
#ifndef MULTISOCK_COMPAT_H
#define MULTISOCK_COMPAT_H

#if defined(__has_include)
#if !__has_include(<lua.h>)
#error "lua.h not found: install liblua5.4-dev (Debian), lua-devel (Fedora)"
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
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <curl/curl.h>

#if LIBCURL_VERSION_NUM < 0x075100
#error "multisock needs libcurl 7.81.0 or newer"
#endif

#if LUA_VERSION_NUM < 504
#error "multisock is built for Lua 5.4"
#endif

/* The libcurl that runs, as 0xMMmmpp. curl_version_info formats strings at
   each call, which costs as much as a tenth of a request: ask once. All
   threads write the same value. */
static inline unsigned int compat_curl_version(void)
{
  static unsigned int known;
  unsigned int version = __atomic_load_n(&known, __ATOMIC_RELAXED);
  if (version == 0) {
    version = curl_version_info(CURLVERSION_NOW)->version_num;
    __atomic_store_n(&known, version, __ATOMIC_RELAXED);
  }
  return version;
}

/* Only luaopen_* is exported. Our headers hide the rest by themselves, because
   LuaRocks compiles without -fvisibility, and a host that exports a function
   of the same name would get our calls. */
#define EXPORT __attribute__((visibility("default")))

/* A type of userdata is named by a string constant whose address is also the
   registry key of its metatable: cheaper to look up than the name, and done
   at each call. */
static inline bool compat_newtype(lua_State *L, const char *type)
{
  if (!luaL_newmetatable(L, type)) {
    lua_pop(L, 1);
    return false;
  }
  lua_pushvalue(L, -1);
  lua_rawsetp(L, LUA_REGISTRYINDEX, type);
  return true;
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
  return luaL_checkudata(L, idx, type);      /* raises */
}

/* Each userdata of ours has one user value: a table that holds the Lua
   values it needs, so that cycles through it stay collectable. */
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

#endif
