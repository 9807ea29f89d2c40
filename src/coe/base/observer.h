// Long work tells its caller how far it is, and the caller stops it, through an Observer. Library
// code never prints; cli/ turns these calls into a bar, plain lines or JSON.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace coe {

class Observer {
 public:
  virtual ~Observer() = default;
  // `done` of `total` `unit`s of the named stage ("profile", "tokens"). Called from one thread.
  virtual void progress(std::string_view stage, std::uint64_t done, std::uint64_t total,
                        std::string_view unit) {
    (void)stage, (void)done, (void)total, (void)unit;
  }
  virtual void warning(std::string_view message) { (void)message; }
  // Polled between units of work; true makes the work return Code::kCancelled, leaving no partial
  // output.
  virtual bool cancelled() { return false; }
};

// For callers with nothing to show.
Observer& silent_observer();

}  // namespace coe
