/* A connection pool and its transfers: struct Multi, shared by the files
   of this room: multi.c has its life, multi_members.c the transfers in it. */
#pragma once

#include "driver_uv.h"
#include "easy.h"
#include "ports.h"

/* Names and finds the metatable, see compat.h. */
extern const char multi_type[];

struct Loop;

/* Idle connections that a pool keeps; libcurl's default shrinks with the
   number of running transfers, and a shrinking pool opens and closes. */
#define MULTI_MAX_CONNECTS 20000L

/* What the loop that a multi is attached to does for it: loop/ gives it. */
typedef struct LoopSide {
  void (*check_thread)(lua_State *L, const struct Loop *loop,
                       const char *what); /* raises on another one */
  void (*arm)(struct Loop *loop);         /* a deadline was added */
  void (*fail)(struct Loop *loop, struct Multi *multi);
  void (*forget)(struct Loop *loop, struct Multi *multi);
} LoopSide;

typedef struct Multi {
  CURLM *handle;
  struct Multi **box; /* the userdata's pointer to it */
  lua_State *callbacks;
  UvMulti driven;                /* driven.driver is NULL while not attached */
  Ports ports;                   /* while not attached */
  struct Loop *loop;             /* what it is attached to, or NULL */
  const LoopSide *side;          /* and what that does for it */
  struct Multi *previous, *next; /* among the loop's multis */
  Easy *first;                   /* every handle that was added */
  bool has_orphans; /* easies closed while a callback was running */
  ReadyList own_ready;
  ReadyList *ready;      /* where its transfers put those that are ready */
  Deadlines *deadlines;  /* of its transfers: those of the loop or ready_box, or
                              NULL */
  ReadyList finished;    /* ended, not yet taken by info_read */
  bool warm;             /* libcurl has parsed its CA file: it keeps one for
                              each multi */
  int depth;             /* calls into libcurl on the C stack */
  uint64_t decoded_long; /* uv_hrtime: see is_decoded in conclude.c */
  int added;             /* handles in it, collected ones included */
  int pinned;            /* of those, how many it keeps alive */
  bool failed_in_lua;    /* a callback raised: the error is kept */
  CURLMcode broken;      /* libcurl refused to go on, or CURLM_OK */
} Multi;

/* The Multi at this index; raises when it is none or closed. */
Multi *multi_check(lua_State *L, int idx);

/* Raises when a callback of this multi is on the stack. */
Multi *multi_check_idle(lua_State *L, int idx, const char *what);

/* Raises when this thread may not use the loop of the multi. */
void multi_check_thread(lua_State *L, const Multi *multi, const char *what);

/* Around every call into libcurl that concerns this multi. */
void multi_enter(Multi *multi);
void multi_leave(Multi *multi);

/* Adds the easy at stack index `idx` to the multi at `self`, and pins it;
   what add_handle returns to Lua. */
int multi_add(lua_State *L, Multi *multi, int self, Easy *easy, int idx);

/* The same for a caller who keeps both userdata alive until the easy has left
   the multi: nothing is pinned. */
CURLMcode multi_add_held(Multi *multi, Easy *easy);

/* Has the easy looked at when its answer has to have begun; for the fetch path.
   Until then it is out of the way: nothing is done when the answer comes. */
void multi_expect_answer(Multi *multi, Easy *easy);

/* libcurl, which has got no timer for it, is to look after this easy when it is not
   connected in time (its receiver's connect_ms); it is. */
void multi_expect_connection(Multi *multi, Easy *easy);
void multi_is_connected(Multi *multi, Easy *easy);

/* This easy of it is ready at `at`, unless it has left by then; most have the same
   duration. */
void multi_limit(Multi *multi, Easy *easy, uint64_t duration, uint64_t at);

/* This easy of it is ready when nothing has come of its body for so long. */
void multi_expect_more(Multi *multi, Easy *easy, uint64_t duration);

/* Does that for all whose time has come: those without an answer are late, which
   is ready. Returns when to call it again; 0: not for now. */
uint64_t multi_expire(Deadlines *deadlines, uint64_t now);

/* Counts an easy in that libcurl itself has added. */
void multi_adopt(Multi *multi, Easy *easy);

/* Milliseconds of uv_hrtime; of a multi that a loop drives those of the loop's
   turn, because asking the clock at each event would be dear. */
uint64_t multi_now(const Multi *multi);

/* Takes it out again and lets go of its userdata. */
void multi_remove(Multi *multi, Easy *easy);

/* Takes an easy out, whatever it is doing. */
void multi_detach(Easy *easy);

/* Closes a multi for good; its easies are taken out first. */
void multi_shutdown(Multi *multi);

/* A transfer ended: what libcurl's message said. */
void multi_done(CURL *handle, CURLcode result, void *data);
void multi_failed(CURLMcode code, void *data);

/* Inside libcurl: it wants nothing of a transfer's socket any more. After 101 that
   means that the other end has hung up, see fetch/switched.h. */
void multi_removed(CURL *handle, void *data);

/* Pushes the userdata of a Multi, or nil when it was collected. */
void multi_push(lua_State *L, const Multi *multi);

/* Pushes a table of Lua values that a Multi needs, or nil. */
void multi_push_values(lua_State *L, const Multi *multi);

/* Raises the error that a callback of it kept. */
void multi_rethrow(lua_State *L, Multi *multi);

extern const luaL_Reg multi_lua_methods[]; /* multi_lua.c */

/* core.multi_options(): every option of the running libcurl. */
int multi_options_list(lua_State *L);

int multi_new(lua_State *L);
void multi_open(lua_State *L);

/* Has this driver drive it. */
CURLMcode multi_drive(Multi *multi, UvDriver *driver);
