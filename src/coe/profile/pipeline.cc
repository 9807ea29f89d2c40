#include "coe/profile/pipeline.h"

#include "coe/base/observer.h"
#include "coe/base/result.h"
#include "coe/base/stop_flag.h"
#include "coe/engine/engine.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

namespace coe {
namespace {

// Packs decoded ahead of the one that is delivered, for each engine. Bounds the memory.
constexpr std::size_t kAhead = 2;

constexpr auto kPollEvery = std::chrono::milliseconds(50);

class Pipeline {
 public:
  Pipeline(std::span<const WorkItem> items, std::span<const std::size_t> packs,
           const PipelineOptions& options, std::size_t n_engine, Observer& observer)
      : items_(items),
        packs_(packs),
        outputs_(options.outputs),
        filter_(options.filter),
        n_ahead_(kAhead * n_engine),
        observer_(observer),
        next_(options.first_pack),
        delivered_(options.first_pack) {}

  // In a thread for each engine.
  void work(Engine& engine) {
    std::unique_lock lock(mutex_);
    while (true) {
      changed_.wait(lock, [&] { return stop_ || next_ < delivered_ + n_ahead_; });
      if (stop_ || next_ >= packs_.size()) return;
      const std::size_t pack = next_++;
      lock.unlock();
      Pack done = decode(engine, pack);
      lock.lock();
      done_.emplace(pack, std::move(done));
      changed_.notify_all();
    }
  }

  Status deliver_all(const DeliverPack& deliver) {
    while (delivered_ < packs_.size()) {
      std::unique_lock lock(mutex_);
      while (!changed_.wait_for(lock, kPollEvery, [&] { return done_.contains(delivered_); }))
        if (observer_.cancelled()) stop_flag_.set();
      auto pack = std::move(done_.extract(delivered_).mapped());
      lock.unlock();
      if (observer_.cancelled()) stop_flag_.set();  // at the latest before the next pack
      COE_TRY_STATUS(pack.status);
      COE_TRY(const auto next, deliver(packs_[delivered_], pack.traces));
      if (next == Next::kStop) return {};
      lock.lock();
      ++delivered_;
      changed_.notify_all();
    }
    return {};
  }

  void stop() {
    const std::lock_guard lock(mutex_);
    stop_ = true;
    stop_flag_.set();  // what is being decoded is not wanted any more
    changed_.notify_all();
  }

 private:
  struct Pack {
    std::vector<std::vector<RoutingTrace>> traces;
    Status status;
  };

  Pack decode(Engine& engine, std::size_t pack) {
    const std::size_t first = packs_[pack];
    const std::size_t end = pack + 1 < packs_.size() ? packs_[pack + 1] : items_.size();
    Pack done;
    done.traces.resize(end - first);
    std::vector<DecodeRequest> requests;
    for (std::size_t i = 0; i < done.traces.size(); ++i) {
      const auto& windows = items_[first + i].windows;
      done.traces[i].resize(windows.size());
      for (std::size_t w = 0; w < windows.size(); ++w) {
        auto& request = requests.emplace_back();
        request.tokens = windows[w];
        request.routing = &done.traces[i][w];
        request.outputs = outputs_;
        request.filter = filter_;
        request.observer = &stop_flag_;
      }
    }
    done.status = engine.decode_all(requests);
    return done;
  }

  std::span<const WorkItem> items_;
  std::span<const std::size_t> packs_;
  bool outputs_ = false;
  const ExpertFilter* filter_ = nullptr;
  std::size_t n_ahead_;
  Observer& observer_;
  StopFlag stop_flag_;
  std::mutex mutex_;  // guards the rest
  std::condition_variable changed_;
  std::size_t next_;       // to be decoded
  std::size_t delivered_;  // changed by the delivering thread only
  std::map<std::size_t, Pack> done_;
  bool stop_ = false;
};

}  // namespace

std::vector<std::size_t> plan_packs(std::span<const WorkItem> items, const EngineInfo& info) {
  std::vector<std::size_t> packs;
  std::size_t n_window = 0;
  std::uint64_t n_token = 0;
  for (std::size_t i = 0; i < items.size(); ++i) {
    const WorkItem& item = items[i];
    if (packs.empty() || n_window + item.windows.size() > info.n_seq ||
        n_token + item.n_token > info.n_batch) {
      packs.push_back(i);
      n_window = 0;
      n_token = 0;
    }
    n_window += item.windows.size();
    n_token += item.n_token;
  }
  return packs;
}

Status run_items(Engine& engine, std::span<const WorkItem> items,
                 std::span<const std::size_t> packs, const PipelineOptions& options,
                 Observer& observer, const DeliverPack& deliver) {
  std::size_t n_engine = options.n_engine;
  if (n_engine == 0) n_engine = engine.info().on_gpu ? 2 : 1;
  std::vector<std::unique_ptr<Engine>> forks;
  while (forks.size() + 1 < n_engine) {
    auto fork = engine.fork();
    if (!fork) {  // mostly for want of device memory; slower without it, but right
      observer.warning(
          fmt::format("profile runs on {} contexts: {}", forks.size() + 1, fork.error().message));
      break;
    }
    forks.push_back(*std::move(fork));
  }
  Pipeline pipeline(items, packs, options, forks.size() + 1, observer);
  std::vector<std::thread> threads;
  Status status;
  try {
    threads.emplace_back([&] { pipeline.work(engine); });
    for (const auto& fork : forks) threads.emplace_back([&] { pipeline.work(*fork); });
  } catch (const std::system_error& e) {
    if (threads.empty())
      status = fail(Code::kEngine, fmt::format("profile: no thread to be had: {}", e.what()));
  }
  if (status) status = pipeline.deliver_all(deliver);
  pipeline.stop();
  for (auto& thread : threads) thread.join();
  return status;
}

}  // namespace coe
