#include "coe/base/mapping_guard.h"

#include <algorithm>
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

void say(std::string_view text) {
  // Nobody is left to tell when this fails.
  [[maybe_unused]] const auto n = ::write(STDERR_FILENO, text.data(), text.size());
}

void on_bus_error(int signal, siginfo_t* info, void* /*context*/) {
  if (info->si_code != BUS_ADRERR) {  // not a page behind the end of a file
    std::signal(signal, SIG_DFL);
    return;
  }
  const auto at = reinterpret_cast<std::uintptr_t>(info->si_addr);
  std::string_view name = "a mapped file (the model?)";
  for (const auto& mapping : mappings)
    if (at >= mapping.begin && at < mapping.end) name = mapping.name.data();
  say("error: ");
  say(name);
  say(": became shorter while it was being read\nhint: leave the file alone until the work is "
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
    const std::size_t n = std::min(name.size(), mapping.name.size() - 1);
    std::ranges::copy(name.substr(0, n), mapping.name.begin());
    mapping.name[n] = '\0';
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
