#include "coe/base/mapping_guard.h"

#include "coe/base/signal_words.h"

#include <array>
#include <atomic>
#include <csignal>
#include <cstdint>
#include <cstring>
#include <unistd.h>

namespace coe {
namespace {

// Plain memory, which a signal handler may read.
struct Mapping {
  std::atomic<std::uintptr_t> begin{0};  // 0: free
  std::atomic<std::uintptr_t> end{0};    // 0: not yet whole
  std::array<char, 512> name{};
};

std::array<Mapping, 64> mappings;
std::atomic<int> code_at_end{1};
static_assert(std::atomic<std::uintptr_t>::is_always_lock_free, "read in a signal handler");

void on_bus_error(int signal, siginfo_t* info, void* /*context*/) {
  if (info->si_code != BUS_ADRERR) {  // not a page behind the end of a file
    std::signal(signal, SIG_DFL);
    return;
  }
  const auto at = reinterpret_cast<std::uintptr_t>(info->si_addr);
  std::string_view name = "a mapped file (the model?)";
  for (const auto& mapping : mappings)
    if (at >= mapping.begin && at < mapping.end) name = mapping.name.data();
  say_in_handler("error: ");
  say_in_handler(name);
  say_in_handler(
      ": became shorter while it was being read\nhint: leave the file alone until the work is "
      "done\n");
  ::_exit(code_at_end);
}

}  // namespace

void guard_mappings(int exit_code) {
  code_at_end = exit_code;
  struct sigaction action{};
  action.sa_sigaction = on_bus_error;
  action.sa_flags = SA_SIGINFO;
  ::sigaction(SIGBUS, &action, nullptr);
}

void name_mapping(const void* begin, std::size_t size, std::string_view name) {
  const auto at = reinterpret_cast<std::uintptr_t>(begin);
  for (auto& mapping : mappings) {
    std::uintptr_t free = 0;
    if (!mapping.begin.compare_exchange_strong(free, at)) continue;
    keep_words(mapping.name, name);
    mapping.end = at + size;
    return;
  }
}

void forget_mapping(const void* begin) {
  const auto at = reinterpret_cast<std::uintptr_t>(begin);
  for (auto& mapping : mappings) {
    if (mapping.begin != at) continue;
    mapping.end = 0;
    mapping.begin = 0;
    return;
  }
}

}  // namespace coe
