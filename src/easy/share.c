/* core.share: cookies, names, TLS sessions and more that easies have in
   common. Counted: its object and each easy that uses it hold it, so that it
   is freed after the last of them, in whatever order they go. Lua states are
   not shared between threads, so libcurl needs no locks: what it says of them tells
   when it looks for addresses. */
#include "share.h"

#include <stdlib.h>
#include <string.h>

#include "above.h"
#include "error.h"
#include "gathered.h"
#include "owner.h"

static const char share_type[] = "multisock.share";

struct Share {
  CURLSH *handle;
  int users;          /* its object, and easies */
  unsigned int kinds; /* shared now, a bit for each row below */
  bool had_connections;
};

/* Numbers, because a header may be older than the libcurl that runs. */
static const struct {
  const char *name;
  int data;
  unsigned int since;
} kinds[] = {
  { "cookie", 2, 0 },  { "dns", 3, 0 }, { "ssl_session", 4, 0 },
  { "connect", 5, 0 }, { "psl", 6, 0 }, { "hsts", 7, 0x075800 },
};

#define KINDS (sizeof kinds / sizeof *kinds)
#define CONNECT 3
#define HSTS 5

Share *share_check(lua_State *L, int idx)
{
  Share **box = box_check(L, idx, share_type);
  if (*box == NULL)
    luaL_argerror(L, idx, "share is closed");
  return *box;
}

void share_release(Share *share)
{
  if (share == NULL || --share->users > 0)
    return;
  /* Fails only while an easy uses it. */
  (void)curl_share_cleanup(share->handle);
  free(share);
}

CURLSH *share_handle(const Share *share)
{
  return share != NULL ? share->handle : NULL;
}

bool share_keeps_connections(const Share *share)
{
  return share != NULL && share->had_connections;
}

bool share_has_hsts(const Share *share)
{
  return share != NULL && (share->kinds & 1u << HSTS) != 0;
}

/* While it is in a multi libcurl has pointers into the share it came with. */
CURLcode share_use(lua_State *L, Easy *easy, Share *share)
{
  Share *old = easy->share;
  CURLcode code;
  if (easy->multi != NULL || easy->depth > 0)
    luaL_error(L, "option 'share': the handle is in a multi");
  code = curl_easy_setopt(easy->handle, CURLOPT_SHARE,
                          share != NULL ? share->handle : NULL);
  if (code != CURLE_OK)
    return code;
  if (share != NULL)
    share->users++;
  easy->share = share;
  share_release(old);
  return CURLE_OK;
}

/* ---- What is shared ---- */

static size_t check_kind(lua_State *L, int idx)
{
  const char *name =
      lua_type(L, idx) == LUA_TSTRING ? lua_tostring(L, idx) : NULL;
  size_t i;
  for (i = 0; i < KINDS; i++)
    if (name != NULL && strcmp(kinds[i].name, name) == 0)
      return i;
  luaL_error(L,
             "share: 'cookie', 'dns', 'ssl_session', 'connect', 'psl' or "
             "'hsts' expected, got %s",
             luaL_tolstring(L, idx, NULL));
  return 0;
}

static bool fail_code(lua_State *L, size_t kind, CURLSHcode code)
{
  error_push_share(L, code);
  lua_pushfstring(L, "share '%s': %s", kinds[kind].name,
                  curl_share_strerror(code));
  lua_setfield(L, -2, "message");
  return false;
}

/* libcurl divides the time for connecting among the addresses that it finds there: the
   limit has to be known before. */
static void on_lock(CURL *handle, curl_lock_data data, curl_lock_access access,
                    void *user)
{
  Easy *easy = NULL;
  (void)access;
  (void)user;
  if (data != CURL_LOCK_DATA_DNS || handle == NULL)
    return;
  (void)curl_easy_getinfo(handle, CURLINFO_PRIVATE, &easy);
  if (easy != NULL && easy->receiver != NULL)
    above_fetch()->connects(easy);
}

/* Starts or ends sharing of one kind; false with an error object pushed. */
static bool set_kind(lua_State *L, Share *share, size_t kind, bool on)
{
  unsigned int bit = 1u << kind;
  CURLSHcode code;
  if (compat_curl_version() < kinds[kind].since) {
    lua_pushfstring(L, "share '%s'", kinds[kind].name);
    error_push_needs(L, lua_tostring(L, -1), kinds[kind].since);
    return false;
  }
  if (((share->kinds & bit) != 0) == on)
    return true;
  /* libcurl before 8.10 would lose the connections it has. */
  if (on && kind == CONNECT && share->had_connections)
    return fail_code(L, kind, CURLSHE_IN_USE);
  code =
      curl_share_setopt(share->handle, on ? CURLSHOPT_SHARE : CURLSHOPT_UNSHARE,
                        kinds[kind].data);
  if (code != CURLSHE_OK)
    return fail_code(L, kind, code);
  share->kinds ^= bit;
  share->had_connections |= kind == CONNECT;
  return true;
}

/* One name, or a list of names, at `idx`. */
static bool set_kinds(lua_State *L, Share *share, int idx, bool on)
{
  lua_Integer i, count;
  if (!lua_istable(L, idx))
    return set_kind(L, share, check_kind(L, idx), on);
  count = (lua_Integer)lua_rawlen(L, idx);
  for (i = 1; i <= count; i++) {
    size_t kind;
    lua_rawgeti(L, idx, i);
    kind = check_kind(L, lua_gettop(L));
    lua_pop(L, 1);
    if (!set_kind(L, share, kind, on))
      return false;
  }
  return true;
}

static bool set_option(lua_State *L, Share *share, int name, int value)
{
  const char *text =
      lua_type(L, name) == LUA_TSTRING ? lua_tostring(L, name) : NULL;
  if (text != NULL && strcmp(text, "share") == 0)
    return set_kinds(L, share, value, true);
  if (text != NULL && strcmp(text, "unshare") == 0)
    return set_kinds(L, share, value, false);
  if (text != NULL &&
      (strcmp(text, "lockfunc") == 0 || strcmp(text, "unlockfunc") == 0 ||
       strcmp(text, "userdata") == 0))
    luaL_error(L,
               "share option '%s' is managed by multisock: a Lua state "
               "needs no locks",
               text);
  return luaL_error(L, "unknown share option '%s'",
                    luaL_tolstring(L, name, NULL)) != 0;
}

/* A table of options; items without a name are kinds to share. */
static bool set_table(lua_State *L, Share *share, int table)
{
  if (!set_kinds(L, share, table, true))
    return false;
  lua_pushnil(L);
  while (lua_next(L, table) != 0) {
    int value = lua_gettop(L);
    if (!lua_isinteger(L, value - 1) && !set_option(L, share, value - 1, value))
      return false;
    lua_settop(L, value - 1);
  }
  return true;
}

/*** Sets what is shared. Not while an easy uses it.
@param name string|table: "share" or "unshare", or a table of both
@param value? string|string[]: "cookie" "dns" "ssl_session" "connect" "psl" "hsts", or a list
@return self; or nil, err
@raise on an unknown name
@see curl_share_setopt(3) */
static int share_setopt(lua_State *L)
{
  Share *share = share_check(L, 1);
  bool set;
  if (lua_istable(L, 2)) {
    lua_settop(L, 2);
    set = set_table(L, share, 2);
  }
  else {
    lua_settop(L, 3);
    set = set_option(L, share, 2, 3);
  }
  if (!set)
    return error_return(L);
  lua_settop(L, 1);
  return 1;
}

/*** Shares this. Not while an easy uses it.
@param kinds string|string[]: a name, or a list of names, as for setopt
@return self; or nil, err */
static int share_share(lua_State *L)
{
  Share *share = share_check(L, 1);
  lua_settop(L, 2);
  if (!set_kinds(L, share, 2, true))
    return error_return(L);
  lua_settop(L, 1);
  return 1;
}

/*** Shares this no more. Not while an easy uses it.
@param kinds string|string[]: a name, or a list of names, as for setopt
@return self; or nil, err */
static int share_unshare(lua_State *L)
{
  Share *share = share_check(L, 1);
  lua_settop(L, 2);
  if (!set_kinds(L, share, 2, false))
    return error_return(L);
  lua_settop(L, 1);
  return 1;
}

/* ---- Life ---- */

static int share_gc(lua_State *L)
{
  Share **box = box_collect(L, share_type);
  if (box == NULL)
    return 0;
  share_release(*box);
  *box = NULL;
  return 0;
}

/*** Ends the use of this object. May be called again. Easies that were given
the share keep it until they are closed, or have no share any more.
@see curl_share_cleanup(3) */
static int share_close(lua_State *L)
{
  return share_gc(L);
}

static int share_tostring(lua_State *L)
{
  Share **box = box_describe(L, share_type);
  luaL_Buffer buffer;
  size_t i;
  if (box == NULL)
    return 1;
  luaL_buffinit(L, &buffer);
  luaL_addstring(&buffer, "multisock.share (");
  for (i = 0; i < KINDS; i++)
    if ((*box)->kinds & 1u << i) {
      luaL_addstring(&buffer, kinds[i].name);
      luaL_addstring(&buffer, " ");
    }
  lua_pushfstring(L, "%d easies)", (*box)->users - 1);
  luaL_addvalue(&buffer);
  luaL_pushresult(&buffer);
  return 1;
}

/*** Makes a share handle.
@param options? string|table: a kind, or a table as for setopt, in which items
without a name are kinds to share
@return core.Share; or nil, err
@raise on an unknown name
@see curl_share_init(3) */
int share_new(lua_State *L)
{
  Share **box, *share;
  lua_settop(L, 1);
  box = box_new(L);
  luaL_setmetatable(L, share_type);
  share = calloc(1, sizeof *share);
  if (share == NULL || (share->handle = curl_share_init()) == NULL) {
    free(share);
    return luaL_error(L, "not enough memory");
  }
  (void)curl_share_setopt(share->handle, CURLSHOPT_LOCKFUNC, on_lock);
  share->users = 1;
  *box = share;
  if (lua_istable(L, 1) ? !set_table(L, share, 1)
                        : !lua_isnil(L, 1) && !set_kinds(L, share, 1, true))
    return error_return(L);
  lua_settop(L, 2);
  return 1;
}

static const luaL_Reg methods[] = {
  { "setopt", share_setopt },
  { "share", share_share },
  { "unshare", share_unshare },
  { "close", share_close },
  { NULL, NULL },
};

static const luaL_Reg metamethods[] = {
  { "__gc", share_gc },
  { "__close", share_gc },
  { "__tostring", share_tostring },
  { NULL, NULL },
};

void share_open(lua_State *L)
{
  compat_opentype(L, share_type, metamethods, methods);
}
