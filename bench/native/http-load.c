// A crowd of HTTP clients that costs next to nothing, so that what is measured is the server: each
// asks again as soon as it has an answer, and bodies are dropped in the kernel, neither copied nor
// read (MSG_TRUNC, tcp(7)).
//   http-load PORT CLIENTS SECONDS STATUS FILE
// FILE holds the requests that are sent in turns, each after a line with its length in bytes. Any
// other status than STATUS ends the run with 1. Every client has an answer before the clock starts;
// what is under way when the time is over is waited for. Prints one line of JSON:
//   {"seconds":…,"cpuSeconds":…,"bytes":…,"timesUs":[…]}      a time for each request
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { HEAD_BYTES = 16 << 10, MAX_EVENTS = 256, FIRST_TIMES = 1 << 16 };

struct request {
  char* bytes;
  size_t length;
};

enum phase { CLOSED, CONNECTING, HEAD, BODY };

struct client {
  int fd;
  enum phase phase;
  int closes;
  size_t head_length;
  long body_left;
  double start;
  char head[HEAD_BYTES];
};

static struct request* requests;
static size_t request_count;
static size_t next_request;
static struct sockaddr_in address;
static int epoll_fd;
static int expected_status;
static double deadline;
static int answered;
static int client_count;
static double clock_start;
static unsigned* times_us;
static size_t time_count;
static size_t time_room;
static long long body_bytes;

static void Fail(const char* what) {
  fprintf(stderr, "http-load: %s: %s\n", what, strerror(errno));
  exit(1);
}

static double Now(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static double CpuSeconds(void) {
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
         (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static void ReadRequests(const char* path) {
  FILE* file = fopen(path, "r");
  if (file == NULL) Fail(path);
  size_t length = 0;
  while (fscanf(file, "%zu", &length) == 1 && fgetc(file) == '\n') {
    requests = realloc(requests, (request_count + 1) * sizeof *requests);
    char* bytes = malloc(length);
    if (requests == NULL || bytes == NULL || fread(bytes, 1, length, file) != length) Fail(path);
    requests[request_count++] = (struct request){.bytes = bytes, .length = length};
  }
  fclose(file);
  if (request_count == 0) Fail("no requests");
}

static void Watch(struct client* client, int operation, unsigned events) {
  struct epoll_event event = {.events = events, .data.ptr = client};
  if (epoll_ctl(epoll_fd, operation, client->fd, &event) < 0) Fail("epoll_ctl");
}

static void Send(struct client* client) {
  const struct request* request = &requests[next_request++ % request_count];
  ssize_t sent = send(client->fd, request->bytes, request->length, MSG_NOSIGNAL);
  if (sent != (ssize_t)request->length) Fail("send");
  client->phase = HEAD;
  client->head_length = 0;
}

static void Connect(struct client* client) {
  client->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (client->fd < 0) Fail("socket");
  int one = 1;
  setsockopt(client->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  client->phase = CONNECTING;
  if (connect(client->fd, (struct sockaddr*)&address, sizeof address) < 0 && errno != EINPROGRESS)
    Fail("connect");
  Watch(client, EPOLL_CTL_ADD, EPOLLOUT);
}

static void Ask(struct client* client) {
  client->start = Now();
  if (client->phase == CLOSED) {
    Connect(client);
  } else {
    Send(client);
  }
}

static void FinishConnecting(struct client* client) {
  int error = 0;
  socklen_t length = sizeof error;
  getsockopt(client->fd, SOL_SOCKET, SO_ERROR, &error, &length);
  errno = error;
  if (error != 0) Fail("connect");
  Watch(client, EPOLL_CTL_MOD, EPOLLIN);
  Send(client);
}

static void KeepTime(double seconds) {
  if (time_count == time_room) {
    time_room = time_room == 0 ? FIRST_TIMES : 2 * time_room;
    times_us = realloc(times_us, time_room * sizeof *times_us);
    if (times_us == NULL) Fail("realloc");
  }
  times_us[time_count++] = (unsigned)(seconds * 1e6);
}

static void EndAnswer(struct client* client) {
  double now = Now();
  int is_first = clock_start == 0;
  if (!is_first) KeepTime(now - client->start);
  if (client->closes) {
    close(client->fd);
    client->phase = CLOSED;
  }
  answered++;
  // The first answers only warm up; all clients then start at once.
  if (!is_first && now < deadline) Ask(client);
}

// The value of a header of the answer, or NULL.
static const char* Header(const char* head, const char* name) {
  const char* found = strcasestr(head, name);
  return found == NULL ? NULL : found + strlen(name);
}

static void ParseHead(struct client* client, size_t head_end) {
  client->head[head_end - 1] = '\0';
  int status = 0;
  int minor = 0;
  if (sscanf(client->head, "HTTP/1.%d %d", &minor, &status) != 2) Fail("no HTTP answer");
  errno = 0;
  if (status != expected_status) {
    fprintf(stderr, "http-load: status %d: %s\n", status, client->head);
    exit(1);
  }
  const char* connection = Header(client->head, "\nconnection: ");
  const char* length = Header(client->head, "\ncontent-length: ");
  if (length == NULL && status != 304) Fail("an answer without content-length");
  client->closes = minor == 0 || (connection != NULL && strncasecmp(connection, "close", 5) == 0);
  client->body_left = length == NULL || status == 304 ? 0 : atol(length);
  body_bytes += client->body_left;
  client->body_left -= (long)(client->head_length - head_end);
  client->phase = BODY;
  if (client->body_left < 0) Fail("more than was announced");
}

// Returns whether there may be more to receive.
static int ReceiveHead(struct client* client) {
  size_t room = HEAD_BYTES - 1 - client->head_length;
  ssize_t got = recv(client->fd, client->head + client->head_length, room, 0);
  if (got < 0 && errno == EAGAIN) return 0;
  if (got <= 0) Fail("the head of an answer");
  client->head_length += (size_t)got;
  const char* end = memmem(client->head, client->head_length, "\r\n\r\n", 4);
  if (end != NULL) ParseHead(client, (size_t)(end - client->head) + 4);
  return 1;
}

static int ReceiveBody(struct client* client) {
  ssize_t got = recv(client->fd, NULL, (size_t)client->body_left, MSG_TRUNC);
  if (got < 0 && errno == EAGAIN) return 0;
  if (got <= 0) Fail("the body of an answer");
  client->body_left -= got;
  return 1;
}

static void Advance(struct client* client) {
  if (client->phase == CONNECTING) {
    FinishConnecting(client);
    return;
  }
  int may_have_more = 1;
  while (may_have_more && client->phase == HEAD) may_have_more = ReceiveHead(client);
  while (may_have_more && client->phase == BODY && client->body_left > 0)
    may_have_more = ReceiveBody(client);
  if (client->phase == BODY && client->body_left == 0) EndAnswer(client);
}

static void RunUntilAnswered(int wanted) {
  struct epoll_event events[MAX_EVENTS];
  while (wanted < 0 ? Now() < deadline : answered < wanted) {
    int count = epoll_wait(epoll_fd, events, MAX_EVENTS, 100);
    for (int index = 0; index < count; index++) Advance(events[index].data.ptr);
  }
}

// After the time is over every client still gets the answer that it waits for.
static void WaitForTheLast(const struct client* clients) {
  struct epoll_event events[MAX_EVENTS];
  for (;;) {
    int waiting = 0;
    for (int index = 0; index < client_count; index++)
      waiting += clients[index].phase == HEAD || clients[index].phase == CONNECTING ||
                 (clients[index].phase == BODY && clients[index].body_left > 0);
    if (waiting == 0) return;
    int count = epoll_wait(epoll_fd, events, MAX_EVENTS, 100);
    for (int index = 0; index < count; index++) Advance(events[index].data.ptr);
  }
}

static void Print(double seconds, double cpu_seconds) {
  printf("{\"seconds\":%.6f,\"cpuSeconds\":%.6f,\"bytes\":%lld,\"timesUs\":[", seconds, cpu_seconds,
         body_bytes);
  for (size_t index = 0; index < time_count; index++)
    printf("%s%u", index == 0 ? "" : ",", times_us[index]);
  puts("]}");
}

int main(int argc, char** argv) {
  if (argc != 6) {
    fputs("usage: http-load PORT CLIENTS SECONDS STATUS FILE\n", stderr);
    return 2;
  }
  address.sin_family = AF_INET;
  address.sin_port = htons((unsigned short)atoi(argv[1]));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  client_count = atoi(argv[2]);
  expected_status = atoi(argv[4]);
  ReadRequests(argv[5]);
  epoll_fd = epoll_create1(EPOLL_CLOEXEC);
  struct client* clients = calloc((size_t)client_count, sizeof *clients);
  if (clients == NULL || epoll_fd < 0) Fail("start");
  for (int index = 0; index < client_count; index++) Ask(&clients[index]);
  RunUntilAnswered(client_count);
  body_bytes = 0;
  double cpu_start = CpuSeconds();
  clock_start = Now();
  deadline = clock_start + atof(argv[3]);
  for (int index = 0; index < client_count; index++) Ask(&clients[index]);
  RunUntilAnswered(-1);
  WaitForTheLast(clients);
  Print(Now() - clock_start, CpuSeconds() - cpu_start);
  return 0;
}
