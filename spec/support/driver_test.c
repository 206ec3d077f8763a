/* Drives transfers with src/driver/driver_uv.h and nothing of Lua: compiled and run
   by driver_spec.lua. Arguments: the base URL of the test nginx, a URL that
   refuses connections, and one whose answer never comes. Prints OK. */
#include "driver_uv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHECK(condition)                             \
  do {                                               \
    if (!(condition)) {                              \
      printf("line %d: %s\n", __LINE__, #condition); \
      exit(1);                                       \
    }                                                \
  } while (0)

typedef struct Pool {
  UvMulti multi;
  UvDriver *driver;
  int entered;      /* how deep in libcurl */
  int done, failed; /* transfers that ended well, or not */
  int connects;     /* connections that they opened */
  int to_start;     /* more to add when one ends */
  CURLcode last;
} Pool;

typedef struct Transfer {
  CURL *easy;
  UvDriver *driver;
  UvUse use;
  size_t bytes;
} Transfer;

static const char *base;

static size_t on_body(char *bytes, size_t one, size_t size, void *data)
{
  (void)bytes;
  ((Transfer *)data)->bytes += one * size;
  return one * size;
}

static int on_prereq(void *data, char *peer, char *local, int peer_port,
                     int local_port)
{
  Transfer *transfer = data;
  UvPlace place = { peer, peer_port, local_port, 118 };
  (void)local;
  /* False after a drop: libcurl 8.22 may not have looked yet, and tries again. */
  (void)uvdriver_use(transfer->driver, &transfer->use, &place);
  CHECK(transfer->use.known && transfer->use.watch != NULL);
  return CURL_PREREQFUNC_OK;
}

static Transfer *start(Pool *pool, const char *url)
{
  Transfer *transfer = calloc(1, sizeof *transfer);
  CHECK(transfer != NULL);
  transfer->easy = curl_easy_init();
  CHECK(transfer->easy != NULL);
  curl_easy_setopt(transfer->easy, CURLOPT_URL, url);
  curl_easy_setopt(transfer->easy, CURLOPT_NOPROXY, "*");
  curl_easy_setopt(transfer->easy, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(transfer->easy, CURLOPT_WRITEFUNCTION, on_body);
  curl_easy_setopt(transfer->easy, CURLOPT_WRITEDATA, transfer);
  curl_easy_setopt(transfer->easy, CURLOPT_PRIVATE, transfer);
  transfer->driver = pool->driver;
  curl_easy_setopt(transfer->easy, CURLOPT_PREREQFUNCTION, on_prereq);
  curl_easy_setopt(transfer->easy, CURLOPT_PREREQDATA, transfer);
  uvdriver_prepare_easy(pool->driver, transfer->easy);
  CHECK(curl_multi_add_handle(pool->multi.handle, transfer->easy) == CURLM_OK);
  uvdriver_transfers(pool->driver, 1);
  return transfer;
}

static Transfer *start_1k(Pool *pool)
{
  char url[256];
  snprintf(url, sizeof url, "%s/1k", base);
  return start(pool, url);
}

static void end(Pool *pool, Transfer *transfer)
{
  CHECK(curl_multi_remove_handle(pool->multi.handle, transfer->easy) ==
        CURLM_OK);
  uvdriver_transfers(pool->driver, -1);
  uvdriver_unuse(&transfer->use, strncmp(base, "http:", 5) == 0, false);
  CHECK(transfer->use.watch == NULL);
  uvdriver_unuse(&transfer->use, true, false); /* may be repeated */
  curl_easy_cleanup(transfer->easy);
  free(transfer);
}

static void on_done(CURL *easy, CURLcode result, void *data)
{
  Pool *pool = data;
  Transfer *transfer = NULL;
  long connects = 0;
  CHECK(pool->entered == 0); /* never from inside libcurl */
  curl_easy_getinfo(easy, CURLINFO_PRIVATE, &transfer);
  curl_easy_getinfo(easy, CURLINFO_NUM_CONNECTS, &connects);
  CHECK(transfer != NULL && transfer->easy == easy);
  if (result == CURLE_OK) {
    CHECK(transfer->bytes == 1024);
    pool->done++;
    pool->connects += (int)connects;
  }
  else
    pool->failed++;
  pool->last = result;
  end(pool, transfer);
  if (pool->to_start > 0) {
    pool->to_start--;
    start_1k(pool);
  }
}

static void on_failed(CURLMcode code, void *data)
{
  (void)data;
  printf("the multi failed: %s\n", curl_multi_strerror(code));
  exit(1);
}

static void on_enter(void *data)
{
  CHECK(((Pool *)data)->entered++ == 0);
}

static void on_leave(void *data)
{
  CHECK(--((Pool *)data)->entered == 0);
}

static void pool_open(Pool *pool, UvDriver *driver)
{
  memset(pool, 0, sizeof *pool);
  pool->driver = driver;
  pool->multi.handle = curl_multi_init();
  CHECK(pool->multi.handle != NULL);
  pool->multi.done = on_done;
  pool->multi.failed = on_failed;
  pool->multi.enter = on_enter;
  pool->multi.leave = on_leave;
  pool->multi.data = pool;
  CHECK(uvdriver_add_multi(driver, &pool->multi) == CURLM_OK);
}

static void pool_close(Pool *pool)
{
  CHECK(curl_multi_cleanup(pool->multi.handle) == CURLM_OK);
  uvdriver_remove_multi(&pool->multi);
  uvdriver_remove_multi(&pool->multi); /* may be repeated */
}

/* Runs until the loop has nothing left to do; the driver alone decides. */
static void run(uv_loop_t *loop, UvDriver *driver)
{
  do
    uvdriver_flush(driver);
  while (uv_run(loop, UV_RUN_ONCE) != 0);
}

static void on_handle(uv_handle_t *handle, void *data)
{
  (void)data;
  CHECK(handle->data == NULL); /* luv reads it as its own */
}

static void loop_end(uv_loop_t *loop, UvDriver *driver)
{
  uv_walk(loop, on_handle, NULL);
  uvdriver_close(driver);
  while (uv_loop_close(loop) == UV_EBUSY)
    uv_run(loop, UV_RUN_DEFAULT);
}

static void many_side_by_side(uv_loop_t *loop, UvDriver *driver, Pool *pool)
{
  int i;
  for (i = 0; i < 200; i++)
    start_1k(pool);
  run(loop, driver);
  CHECK(pool->done == 200 && pool->failed == 0);
  CHECK(pool->connects <= 200);
  /* Kept connections are watched, and do not keep the loop alive. */
  CHECK(uvdriver_watched(driver) > 0);
  CHECK(uvdriver_watched(driver) <= (size_t)pool->connects);
  CHECK(!uv_loop_alive(loop));
}

static void one_after_the_other(uv_loop_t *loop, UvDriver *driver, Pool *pool)
{
  size_t watched = uvdriver_watched(driver);
  pool->done = pool->connects = 0;
  pool->to_start = 499;
  start_1k(pool);
  run(loop, driver);
  CHECK(pool->done == 500 && pool->connects == 0);
  /* libcurl keeps fewer when it has fewer handles. */
  CHECK(uvdriver_watched(driver) > 0);
  CHECK(uvdriver_watched(driver) <= watched);
}

/* Idle connections that are dropped are used by nobody, and found by libcurl
   when the next transfers look for one. */
static void dropped(uv_loop_t *loop, UvDriver *driver, Pool *pool)
{
  size_t watched = uvdriver_watched(driver);
  int i;
  pool->done = pool->connects = 0;
  uvdriver_drop_idle(driver);
  uvdriver_drop_idle(driver); /* may be repeated */
  CHECK(uvdriver_watched(driver) == watched);
  for (i = 0; i < 10; i++)
    start_1k(pool);
  run(loop, driver);
  CHECK(pool->done == 10 && pool->connects == 10);
  CHECK(uvdriver_watched(driver) <= watched + 10);
}

static void refused(uv_loop_t *loop, UvDriver *driver, Pool *pool,
                    const char *url)
{
  size_t watched = uvdriver_watched(driver);
  int i;
  pool->done = pool->failed = 0;
  for (i = 0; i < 50; i++) {
    start(pool, url);
    start_1k(pool);
  }
  run(loop, driver);
  CHECK(pool->done == 50 && pool->failed == 50);
  CHECK(pool->last == CURLE_OK || pool->last == CURLE_COULDNT_CONNECT);
  CHECK(uvdriver_watched(driver) <= watched + 50);
}

static void removed_while_running(uv_loop_t *loop, UvDriver *driver, Pool *pool,
                                  const char *stalling)
{
  size_t watched = uvdriver_watched(driver);
  Transfer *slow[20];
  int i, round;
  pool->done = pool->failed = 0;
  for (round = 0; round < 10; round++) {
    for (i = 0; i < 20; i++) {
      slow[i] = start(pool, stalling);
      start_1k(pool);
    }
    /* In another state each round: not begun, connecting, waiting. */
    for (i = 0; i < round; i++) {
      uvdriver_flush(driver);
      uv_run(loop, UV_RUN_NOWAIT);
    }
    CHECK(uv_loop_alive(loop));
    for (i = 0; i < 20; i++)
      end(pool, slow[i]);
    run(loop, driver);
    CHECK(pool->done == (round + 1) * 20 && pool->failed == 0);
  }
  CHECK(uvdriver_watched(driver) <= watched + 20);
  CHECK(!uv_loop_alive(loop));
}

static void two_multis(uv_loop_t *loop, UvDriver *driver, Pool *first)
{
  size_t watched = uvdriver_watched(driver);
  Pool second;
  int i;
  pool_open(&second, driver);
  first->done = first->failed = 0;
  first->to_start = second.to_start = 100;
  for (i = 0; i < 30; i++) {
    start_1k(first);
    start_1k(&second);
  }
  run(loop, driver);
  CHECK(first->done == 130 && second.done == 130);
  CHECK(first->failed == 0 && second.failed == 0);
  CHECK(uvdriver_watched(driver) > watched);
  pool_close(&second);
  CHECK(uvdriver_watched(driver) <= watched + 30);
}

/* Two connections to a transfer: libcurl 7.88 forgets to wait for one. */
static void over_ftp(uv_loop_t *loop, UvDriver *driver, Pool *pool,
                     const char *url, const char *authority)
{
  size_t watched = uvdriver_watched(driver);
  int i;
  pool->done = pool->failed = 0;
  for (i = 0; i < 20; i++) {
    CURL *easy = start(pool, url)->easy;
    curl_easy_setopt(easy, CURLOPT_CAINFO, authority);
    curl_easy_setopt(easy, CURLOPT_USE_SSL, (long)CURLUSESSL_ALL);
    /* A timer of the connection would help it on. */
    curl_easy_setopt(easy, CURLOPT_HAPPY_EYEBALLS_TIMEOUT_MS, 60000L);
    curl_easy_setopt(easy, CURLOPT_IPRESOLVE, (long)CURL_IPRESOLVE_V4);
    start_1k(pool);
  }
  run(loop, driver);
  CHECK(pool->done == 40 && pool->failed == 0);
  CHECK(uvdriver_watched(driver) <= watched + 40);
  CHECK(!uv_loop_alive(loop));
}

/* Transfers in the middle of something when their multi goes. */
static void closed_while_running(const char *stalling)
{
  int steps, i;
  for (steps = 0; steps < 8; steps++) {
    uv_loop_t loop;
    UvDriver *driver;
    Pool pool;
    Transfer *slow[10];
    CHECK(uv_loop_init(&loop) == 0);
    driver = uvdriver_new(&loop);
    CHECK(driver != NULL);
    pool_open(&pool, driver);
    for (i = 0; i < 10; i++)
      slow[i] = start(&pool, stalling);
    for (i = 0; i < steps; i++) {
      uvdriver_flush(driver);
      uv_run(&loop, UV_RUN_NOWAIT);
    }
    for (i = 0; i < 10; i++)
      end(&pool, slow[i]);
    if (steps % 2 == 0)
      run(&loop, driver);
    pool_close(&pool);
    CHECK(uvdriver_watched(driver) == 0);
    loop_end(&loop, driver);
  }
}

int main(int count, char **arguments)
{
  uv_loop_t loop;
  UvDriver *driver;
  Pool pool;
  CHECK(count == 6);
  base = arguments[1];
  CHECK(curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK);
  CHECK(uv_loop_init(&loop) == 0);
  driver = uvdriver_new(&loop);
  CHECK(driver != NULL);
  CHECK(!uv_loop_alive(&loop));
  pool_open(&pool, driver);
  many_side_by_side(&loop, driver, &pool);
  one_after_the_other(&loop, driver, &pool);
  dropped(&loop, driver, &pool);
  refused(&loop, driver, &pool, arguments[2]);
  removed_while_running(&loop, driver, &pool, arguments[3]);
  two_multis(&loop, driver, &pool);
  over_ftp(&loop, driver, &pool, arguments[4], arguments[5]);
  pool_close(&pool);
  CHECK(uvdriver_watched(driver) == 0);
  run(&loop, driver); /* what closes is alive until it has */
  loop_end(&loop, driver);
  closed_while_running(arguments[3]);
  curl_global_cleanup();
  puts("OK");
  return 0;
}
