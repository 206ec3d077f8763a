/* Who may start a transfer to one origin, and the handles that wait there for the
   next one: struct Limiter. limiter.c has the slots, limiter_idle.c the handles. */
#pragma once

#include "multi.h"
#include "snapshot.h"

/* A number of connections, or of requests, that many hosts share. */
typedef struct Counter {
  lua_Integer total, limit;
  lua_Integer started; /* transfers */
  Traffic traffic;
  bool awaited; /* hosts wait for one of it */
} Counter;

typedef enum HttpVersion {
  VERSION_UNKNOWN,
  VERSION_1, /* a connection for each transfer */
  VERSION_2  /* or 3: connections carry streams */
} HttpVersion;

typedef struct Limiter {
  const char *type; /* limiter_type: see compat_checkmarked */
  const void *self; /* see Owner in owner.h; it is memory alone */
  Counter *client, *process;
  Counter
      *requests; /* of the client; NULL: as many as there are connections for */
  HttpVersion version;
  lua_Integer limit;       /* connections to the origin at most */
  lua_Integer streams;     /* on one connection of HTTP/2 */
  lua_Integer active;      /* transfers admitted */
  lua_Integer counted;     /* connections that the counters know of */
  lua_Integer connections; /* of HTTP/2, or while the version is not known */
  lua_Integer probes;      /* of those, how many are being opened */
  lua_Integer probes_most;
  bool queued;    /* somebody waits for a slot */
  bool cleartext; /* cannot become HTTP/2 */
  Easy ***idle;   /* what the userdata hold: NULL once closed */
  int idle_count, idle_room;
} Limiter;

Limiter *limiter_check(lua_State *L, int idx);

/* Takes a slot that is there without further thought: on a connection that
   stands, or for one more of HTTP/1. */
bool limiter_take_free(Limiter *limiter);

/* Gives a slot back. */
void limiter_leave(Limiter *limiter, bool probe);

/* Whether a slot need not be given back, to be taken again by the same: nobody waits for
   one, and there are no more connections than there may be. (More requests than
   there may be are never let in.) */
bool limiter_may_stay(const Limiter *limiter);

/* Whether somebody may have waited for what was given back. */
bool limiter_is_awaited(const Limiter *limiter);

/* Another handle waits; false when there are enough. The caller has made sure
   that the limiter keeps the userdata alive, and easy_set_home that this one keeps
   its multi alive. */
bool limiter_keep(Limiter *limiter, Easy **handle, int profile);

/* Where a handle of this profile waits, of those that came last; -1: none. */
int limiter_find(const Limiter *limiter, int profile);

/* Takes it from there. */
Easy **limiter_take_idle(Limiter *limiter, int at);

/* Whether the limiter at stack index `limiter` keeps the easy at `easy` alive. */
bool limiter_has(lua_State *L, int limiter, int easy);

/* Pushes an easy that it keeps alive. */
void limiter_push(lua_State *L, int limiter, const Easy *easy);

/* The methods of limiter_idle.c. */
extern const luaL_Reg limiter_idle_methods[];

/* Makes the values of the limiter at the top: its counters, for a start. The
   last may be nil. */
void limiter_set_values(lua_State *L, int client, int process, int requests);

void limiter_open(lua_State *L);
