#include "coe/college/serve/pool.h"

#include "coe/base/stop_flag.h"
#include "coe/college/serve/relay.h"
#include "coe/college/serve/socket_folder.h"
#include "coe/college/serve/worker.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <filesystem>
#include <mutex>
#include <optional>
#include <string_view>
#include <system_error>
#include <thread>

namespace coe {

namespace {

using Clock = std::chrono::steady_clock;
using Seconds = std::chrono::duration<double>;

// A model that has run so long is not what keeps failing.
constexpr Seconds kSteady{60.0};
// A model that dies is started at once if it was asked for within this time.
constexpr Seconds kRecent{60.0};
// Whoever asks for a model that failed waits for the next attempt if it is as near as this.
constexpr Seconds kShortWait{5.0};
// A model that was ready dies so often in a row before requests are told.
constexpr unsigned kMostDeaths = 5;

Clock::time_point after(Seconds wait) {
  return Clock::now() + std::chrono::duration_cast<Clock::duration>(wait);
}

// What a thread makes of PoolModel::file.
struct Preparation {
  std::thread thread;
  StopFlag stop;
  std::optional<Result<Path>> result;  // guarded by the supervisor's mutex
};

struct Entry {
  PoolModel model;
  ModelState state = ModelState::kStopped;
  std::optional<Path> file;
  std::unique_ptr<Preparation> preparation;
  std::optional<Worker> worker;
  Path socket;
  std::uint64_t generation = 0;  // of the worker
  std::size_t n_lease = 0;
  std::size_t n_waiting = 0;
  bool has_served = false;  // this worker
  bool wanted = false;      // to be started though nobody waits
  bool draining = false;    // to be stopped when nobody uses it
  unsigned n_failure = 0;
  unsigned n_unhealthy = 0;
  std::string error;
  Clock::time_point failed_at;
  Clock::time_point not_before;
  Clock::time_point state_since;
  Clock::time_point next_look;
  Clock::time_point last_used;
  Clock::time_point waiting_since;

  bool is_loaded() const {
    return state == ModelState::kStarting || state == ModelState::kReady ||
           state == ModelState::kStopping;
  }
  void enter(ModelState next) {
    state = next;
    state_since = Clock::now();
  }
};

}  // namespace

std::string_view state_name(ModelState state) {
  switch (state) {
    case ModelState::kStopped:
      return "stopped";
    case ModelState::kPreparing:
      return "preparing";
    case ModelState::kStarting:
      return "starting";
    case ModelState::kReady:
      return "ready";
    case ModelState::kStopping:
      return "stopping";
    case ModelState::kFailed:
      return "failed";
  }
  return "";
}

// One thread of it moves all models from state to state. Others wait for that.
class Pool::Supervisor {
 public:
  Supervisor(std::vector<PoolModel> models, PoolOptions options, SocketFolder folder)
      : options_(std::move(options)), folder_(std::move(folder)), entries_(models.size()) {
    for (std::size_t i = 0; i < models.size(); ++i) entries_[i].model = std::move(models[i]);
    thread_ = std::thread([this] { run(); });
  }
  Supervisor(const Supervisor&) = delete;
  Supervisor& operator=(const Supervisor&) = delete;
  ~Supervisor() {
    stop();
    std::error_code ignored;
    std::filesystem::remove_all(folder_.path, ignored);
  }

  struct Ready {
    std::uint64_t generation = 0;
    Path socket;
  };

  Result<Ready> acquire(std::size_t model, const std::function<bool()>& gone) {
    std::unique_lock lock(mutex_);
    auto& entry = entries_.at(model);
    if (entry.n_waiting++ == 0) entry.waiting_since = Clock::now();
    wake_.notify_all();
    auto ready = wait_for(entry, gone, lock);
    --entry.n_waiting;
    return ready;
  }

  void release(std::size_t model, std::uint64_t generation) {
    const std::lock_guard lock(mutex_);
    auto& entry = entries_.at(model);
    if (entry.generation != generation) return;
    --entry.n_lease;
    entry.last_used = Clock::now();
    wake_.notify_all();
  }

  void suspect(std::size_t model, std::uint64_t generation) {
    const std::lock_guard lock(mutex_);
    auto& entry = entries_.at(model);
    if (entry.generation != generation || entry.state != ModelState::kReady) return;
    // Not ready until it has been seen to be: who asks again waits.
    entry.enter(ModelState::kStarting);
    entry.next_look = Clock::now();
    wake_.notify_all();
  }

  std::vector<ModelStatus> status() const {
    const std::lock_guard lock(mutex_);
    std::vector<ModelStatus> out;
    out.reserve(entries_.size());
    for (const auto& entry : entries_)
      out.push_back({.name = entry.model.name,
                     .state = entry.state,
                     .n_request = entry.n_lease,
                     .memory = entry.model.memory,
                     .pid = entry.worker ? entry.worker->pid() : -1,
                     .n_failure = entry.n_failure,
                     .error = entry.error});
    return out;
  }

  void stop() {
    {
      const std::lock_guard lock(mutex_);
      if (stopping_) return;
      stopping_ = true;
      for (auto& entry : entries_)
        if (entry.preparation) entry.preparation->stop.set();
    }
    wake_.notify_all();
    thread_.join();
  }

 private:
  Result<Ready> wait_for(Entry& entry, const std::function<bool()>& gone,
                         std::unique_lock<std::mutex>& lock) {
    const auto asked = Clock::now();
    while (true) {
      if (stopping_) return fail(Code::kCancelled, "the server stops");
      if (entry.state == ModelState::kReady && !entry.draining) {
        ++entry.n_lease;
        return Ready{entry.generation, entry.socket};
      }
      const bool failed_now = entry.failed_at > asked;
      if (entry.state == ModelState::kFailed &&
          (failed_now || entry.not_before - Clock::now() > kShortWait))
        return fail(Code::kEngine, entry.error);
      wake_.wait_for(lock, std::chrono::milliseconds(100));
      if (gone && gone()) return fail(Code::kCancelled, "the client has gone");
    }
  }

  void run() {
    std::unique_lock lock(mutex_);
    while (!stopping_) {
      bool busy = false;
      for (auto& entry : entries_) {
        step(entry, lock);
        if (stopping_) break;
        busy = busy || (entry.state != ModelState::kStopped && entry.state != ModelState::kReady &&
                        entry.state != ModelState::kFailed);
      }
      if (!stopping_) wake_.wait_for(lock, std::chrono::milliseconds(busy ? 20 : 200));
    }
    end_all(lock);
  }

  void step(Entry& entry, std::unique_lock<std::mutex>& lock) {
    switch (entry.state) {
      case ModelState::kFailed:
        if (Clock::now() >= entry.not_before) entry.enter(ModelState::kStopped);
        break;
      case ModelState::kStopped:
        if ((entry.n_waiting > 0 || entry.wanted) && Clock::now() >= entry.not_before) begin(entry);
        break;
      case ModelState::kPreparing:
        end_preparation(entry);
        break;
      case ModelState::kStarting:
        watch_start(entry, lock);
        break;
      case ModelState::kReady:
        watch(entry, lock);
        break;
      case ModelState::kStopping:
        watch_stop(entry);
        break;
    }
  }

  void begin(Entry& entry) {
    if (!entry.file) {
      prepare(entry);
    } else if (has_room(entry)) {
      start(entry);
    } else if (is_next(entry)) {
      make_room(entry);
    }
  }

  void prepare(Entry& entry) {
    entry.enter(ModelState::kPreparing);
    entry.preparation = std::make_unique<Preparation>();
    entry.preparation->thread =
        std::thread([this, preparation = entry.preparation.get(), file = entry.model.file] {
          auto result = file(preparation->stop);
          const std::lock_guard lock(mutex_);
          preparation->result = std::move(result);
          wake_.notify_all();
        });
  }

  void end_preparation(Entry& entry) {
    if (!entry.preparation->result) return;
    entry.preparation->thread.join();
    const auto result = std::move(*entry.preparation->result);
    entry.preparation.reset();
    if (result) {
      entry.file = *result;
      entry.enter(ModelState::kStopped);
    } else {
      fail_start(entry, result.error().message);
    }
  }

  // One that needs more than all there is may run alone.
  bool has_room(const Entry& entry) const {
    std::uint64_t loaded = 0;
    bool any = false;
    for (const auto& other : entries_) {
      if (!other.is_loaded()) continue;
      any = true;
      loaded += other.model.memory;
    }
    return !any || options_.memory == 0 || loaded + entry.model.memory <= options_.memory;
  }

  // Whoever has waited longest is given room first, so that nobody waits for ever.
  bool is_next(const Entry& entry) const {
    return std::ranges::none_of(entries_, [&](const Entry& other) {
      return &other != &entry && other.state == ModelState::kStopped && other.n_waiting > 0 &&
             other.file && other.waiting_since < entry.waiting_since;
    });
  }

  // Chooses the one that was used longest ago, of those that nobody uses if there are any.
  void make_room(const Entry& entry) {
    Entry* victim = nullptr;
    for (auto& other : entries_) {
      if (&other == &entry || !other.is_loaded()) continue;
      if (other.draining || other.state == ModelState::kStopping) return;  // room is being made
      if (other.state != ModelState::kReady) continue;
      if (victim == nullptr || std::pair(other.n_lease > 0, other.last_used) <
                                   std::pair(victim->n_lease > 0, victim->last_used))
        victim = &other;
    }
    if (victim != nullptr) victim->draining = true;
  }

  void start(Entry& entry) {
    entry.wanted = false;
    entry.has_served = false;
    ++entry.generation;
    entry.n_lease = 0;
    entry.socket =
        folder_.path / fmt::format("{}-{}.sock", &entry - entries_.data(), entry.generation);
    auto worker = Worker::start(options_.command(entry.model, *entry.file, entry.socket));
    if (!worker) return fail_start(entry, worker.error().message);
    entry.worker.emplace(std::move(*worker));
    entry.enter(ModelState::kStarting);
    entry.next_look = Clock::now();
  }

  // Looks without the lock, for up to a second. False also when the model has changed meanwhile.
  bool is_healthy(Entry& entry, std::unique_lock<std::mutex>& lock) {
    const auto socket = entry.socket;
    lock.unlock();
    const bool healthy =
        fetch({.socket = socket, .url = "http://model/health", .key = {}}, 1.0).has_value();
    lock.lock();
    return healthy;
  }

  void watch_start(Entry& entry, std::unique_lock<std::mutex>& lock) {
    if (const auto code = entry.worker->ended()) return end_start(entry, *code);
    if (Clock::now() < entry.next_look) return;
    entry.next_look = after(Seconds(0.05));
    if (std::filesystem::exists(entry.socket) && is_healthy(entry, lock)) {
      entry.enter(ModelState::kReady);
      entry.has_served = true;
      entry.n_unhealthy = 0;
      entry.last_used = Clock::now();
      entry.next_look = after(Seconds(options_.health_seconds));
      entry.error.clear();
      wake_.notify_all();
    } else if (entry.has_served && Clock::now() - entry.state_since >
                                       options_.n_unhealthy * Seconds(options_.health_seconds)) {
      hang(entry);
    } else if (Clock::now() - entry.state_since > Seconds(options_.start_seconds)) {
      entry.worker.reset();
      fail_start(entry, fmt::format("{}: it did not serve within {:g} s", entry.model.name,
                                    options_.start_seconds));
    }
  }

  void end_start(Entry& entry, int code) {
    auto words = ended_words(entry, code);
    if (entry.has_served) return die(entry, std::move(words));
    entry.worker.reset();
    fail_start(entry, std::move(words));
  }

  void hang(Entry& entry) {
    die(entry,
        fmt::format("{}: its server did not answer any more and was ended", entry.model.name));
  }

  void watch(Entry& entry, std::unique_lock<std::mutex>& lock) {
    if (const auto code = entry.worker->ended()) return die(entry, ended_words(entry, *code));
    if (Clock::now() - entry.state_since > kSteady) entry.n_failure = 0;
    if (entry.draining && entry.n_lease == 0) {
      entry.worker->terminate();
      entry.enter(ModelState::kStopping);
      return;
    }
    if (Clock::now() < entry.next_look) return;
    entry.next_look = after(Seconds(options_.health_seconds));
    entry.n_unhealthy = is_healthy(entry, lock) ? 0 : entry.n_unhealthy + 1;
    if (entry.state == ModelState::kReady && entry.n_unhealthy >= options_.n_unhealthy) hang(entry);
  }

  void watch_stop(Entry& entry) {
    const bool late = Clock::now() - entry.state_since > Seconds(options_.stop_seconds);
    if (!entry.worker->ended() && !late) return;
    entry.worker.reset();
    entry.draining = false;
    entry.enter(ModelState::kStopped);
  }

  std::string ended_words(const Entry& entry, int code) const {
    const auto words = entry.worker->last_words();
    const auto how = code >= 128 ? fmt::format("ended by signal {}", code - 128)
                                 : fmt::format("ended with code {}", code);
    return fmt::format("{}: its server {}{}", entry.model.name, how,
                       words.empty() ? "" : ": " + words);
  }

  // A model that served is gone, or is to go.
  void die(Entry& entry, std::string error) {
    entry.error = std::move(error);
    entry.worker.reset();
    entry.draining = false;
    ++entry.n_failure;
    entry.wanted = entry.n_lease > 0 || Clock::now() - entry.last_used < kRecent;
    entry.not_before = after(wait_after(entry.n_failure - 1));
    entry.failed_at = entry.n_failure >= kMostDeaths ? Clock::now() : Clock::time_point();
    entry.enter(entry.n_failure >= kMostDeaths ? ModelState::kFailed : ModelState::kStopped);
    wake_.notify_all();
  }

  void fail_start(Entry& entry, std::string error) {
    entry.error = std::move(error);
    entry.wanted = false;
    ++entry.n_failure;
    entry.not_before = after(wait_after(entry.n_failure));
    entry.failed_at = Clock::now();
    entry.enter(ModelState::kFailed);
    wake_.notify_all();
  }

  // 0, 1, 2, 4, … seconds.
  Seconds wait_after(unsigned n_failure) const {
    if (n_failure == 0) return Seconds(0.0);
    return Seconds(std::min(options_.most_wait_seconds,
                            static_cast<double>(1U << std::min(n_failure - 1, 16U))));
  }

  void end_all(std::unique_lock<std::mutex>& lock) {
    for (auto& entry : entries_)
      if (entry.worker) entry.worker->terminate();
    const auto until = after(Seconds(options_.stop_seconds));
    const auto running = [](Entry& entry) { return entry.worker && !entry.worker->ended(); };
    while (std::ranges::any_of(entries_, running) && Clock::now() < until)
      wake_.wait_for(lock, std::chrono::milliseconds(20));
    for (auto& entry : entries_) {
      entry.worker.reset();
      entry.enter(ModelState::kStopped);
    }
    for (auto& entry : entries_) {
      if (!entry.preparation) continue;
      lock.unlock();
      entry.preparation->thread.join();
      lock.lock();
    }
    wake_.notify_all();
  }

  PoolOptions options_;
  SocketFolder folder_;
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::vector<Entry> entries_;
  bool stopping_ = false;
  std::thread thread_;
};

Lease::~Lease() {
  if (pool_ != nullptr) pool_->supervisor_->release(model_, generation_);
}

Pool::Pool(std::unique_ptr<Supervisor> supervisor) : supervisor_(std::move(supervisor)) {}
Pool::~Pool() = default;

Result<std::unique_ptr<Pool>> Pool::create(std::vector<PoolModel> models, PoolOptions options) {
  COE_TRY(auto folder, make_socket_folder());
  return std::unique_ptr<Pool>(new Pool(
      std::make_unique<Supervisor>(std::move(models), std::move(options), std::move(folder))));
}

Result<Lease> Pool::acquire(std::size_t model, const std::function<bool()>& gone) {
  COE_TRY(auto ready, supervisor_->acquire(model, gone));
  return Lease(*this, model, ready.generation, std::move(ready.socket));
}

void Pool::suspect(const Lease& lease) { supervisor_->suspect(lease.model_, lease.generation_); }
std::vector<ModelStatus> Pool::status() const { return supervisor_->status(); }
void Pool::stop() { supervisor_->stop(); }

}  // namespace coe
