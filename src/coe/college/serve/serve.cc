#include "coe/college/serve/serve.h"

#include "coe/ask/endpoint/address.h"
#include "coe/base/machine.h"
#include "coe/base/process/isolated.h"
#include "coe/base/text.h"
#include "coe/college/page/page_files.h"
#include "coe/college/serve/cut_cache.h"
#include "coe/college/serve/engine_server.h"
#include "coe/college/serve/openai.h"
#include "coe/mask/keep_mask.h"
#include "coe/measure/footprint/memory.h"
#include "coe/model/gguf/reader.h"
#include "coe/model/moe/open_model.h"
#include "coe/model/text_part/text_part.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <thread>
#include <utility>

namespace coe {

namespace {

// Of what the machine has, for models: the rest is the system's and other programs'.
constexpr double kShareOfMemory = 0.85;

// On devices beside the host where there are any, for they are what is scarce.
std::uint64_t need_of(std::span<const DeviceMemory> devices) {
  std::uint64_t device = 0;
  std::uint64_t host = 0;
  for (const auto& memory : devices) (memory.is_host ? host : device) += memory.sum();
  return device > 0 ? device : host;
}

Result<std::uint64_t> memory_limit(const EngineLibrary& library) {
  // Devices are asked for in a process of its own: to look at one opens it.
  COE_TRY(const auto text, run_isolated([&]() -> Result<std::string> {
            std::uint64_t free = 0;
            for (const auto& device : library.devices()) free += device.free;
            return fmt::format("{}", free);
          }));
  const auto free = std::strtoull(text.c_str(), nullptr, 10);
  if (free > 0) return free;
  return static_cast<std::uint64_t>(kShareOfMemory *
                                    static_cast<double>(machine_facts().memory_bytes));
}

Result<std::uint64_t> memory_of(const MemberSpec& member, const ServeSetup& setup,
                                const EngineLibrary& library, Observer& observer) {
  auto engine = setup.engine;
  engine.n_ctx = setup.spec.serving.n_ctx;
  const std::array contexts = {engine.n_ctx};
  if (member.mask.empty()) {
    engine.model = member.model;
    COE_TRY(const auto memory, predicted_memory(library, engine, contexts));
    return need_of(memory.front());
  }
  engine.model = member.parent;
  COE_TRY(const auto mask, read_mask(member.mask));
  COE_TRY(const auto parent, open_model(member.parent, observer));
  COE_TRY(const auto memory,
          predicted_child_memory(library, parent, mask.n_keep(), engine, contexts));
  return need_of(memory.front());
}

Status check_file(const MemberSpec& member, const Path& file) {
  std::error_code ec;
  if (std::filesystem::is_regular_file(file, ec)) return {};
  return fail(Code::kNotFound,
              fmt::format("{}: {}: there is no such file", member.where, file.string()));
}

Result<RelayTarget> remote_target(const MemberSpec& member) {
  RelayTarget target;
  auto address = parse_address(member.address);
  if (!address) return tl::unexpected(std::move(address).error().context(member.where));
  // What is passed on has its /v1 already.
  target.url = address->openai;
  constexpr std::string_view kVersion = "/v1";
  if (target.url.ends_with(kVersion)) target.url.resize(target.url.size() - kVersion.size());
  if (!member.key_variable.empty()) {
    const char* key = std::getenv(member.key_variable.c_str());
    if (key == nullptr || *key == '\0')
      return fail(Code::kNotFound, fmt::format("{}: the environment has no variable `{}`",
                                               member.where, member.key_variable));
    target.key = key;
  }
  return target;
}

// What goes into the front and the pool, while it is put together.
class Builder {
 public:
  Builder(const ServeSetup& setup, const EngineLibrary& library, Observer& observer)
      : setup_(setup), library_(library), observer_(observer) {}

  Status add_members() {
    for (const auto& spec : setup_.spec.members) {
      Member member;
      member.name = spec.name;
      member.about = spec.about;
      member.is_unsure = spec.name == setup_.spec.unsure;
      ServedModel model{.name = spec.name, .source = spec.address, .is_unsure = member.is_unsure};
      if (spec.address.empty()) {
        COE_TRY_STATUS(add_local(spec, member, model));
      } else {
        COE_TRY(member.remote, remote_target(spec));
        member.remote_model = spec.remote_model;
      }
      front.members.push_back(std::move(member));
      models.push_back(std::move(model));
    }
    return {};
  }

  Status add_chooser() {
    if (setup_.spec.members.size() < 2 || !setup_.open_chooser) return {};
    COE_TRY(auto chooser, setup_.open_chooser());
    front.college = setup_.spec.name;
    front.choose = std::move(chooser.choose);
    if (const auto merger = std::ranges::find(front.members, setup_.spec.merger, &Member::name);
        merger != front.members.end())
      front.merger = static_cast<std::size_t>(merger - front.members.begin());
    for (const auto& name : chooser.names) {
      const auto found = std::ranges::find(front.members, name, &Member::name);
      if (found == front.members.end())
        return fail(Code::kInvalidArgument,
                    fmt::format("the dispatcher chooses `{}`, which no specialist is called", name),
                    "name it under [[specialist]], or make the dispatcher again");
      front.chooser_members.push_back(static_cast<std::size_t>(found - front.members.begin()));
    }
    return {};
  }

  FrontOptions front;
  std::vector<PoolModel> pool;
  std::vector<ServedModel> models;

 private:
  Status add_local(const MemberSpec& spec, Member& member, ServedModel& model) {
    const bool cut = !spec.mask.empty();
    const auto& file = cut ? spec.parent : spec.model;
    COE_TRY_STATUS(check_file(spec, file));
    if (cut) COE_TRY_STATUS(check_file(spec, spec.mask));
    auto memory = memory_of(spec, setup_, library_, observer_);
    if (!memory) return tl::unexpected(std::move(memory).error().context(spec.where));
    model.memory = *memory;
    model.source =
        cut ? fmt::format("{} under {}", file.string(), spec.mask.string()) : file.string();
    member.in_pool = pool.size();
    PoolModel out{.name = spec.name, .file = {}, .memory = *memory};
    if (cut) {
      COE_TRY(const auto cache, cut_cache());
      out.file = [cache, spec, values = library_.dequantizer()](Observer& observer) {
        return cache.get(spec.name, spec.parent, spec.mask, values, observer);
      };
    } else if (needs_text_part(file)) {
      COE_TRY(const auto cache, cut_cache());
      out.file = [cache, spec](Observer& observer) {
        return cache.loadable(spec.name, spec.model, observer);
      };
    } else {
      out.file = [spec](Observer& /*observer*/) -> Result<Path> {
        COE_TRY_STATUS(check_file(spec, spec.model));
        return spec.model;
      };
    }
    pool.push_back(std::move(out));
    return {};
  }

  Result<CutCache> cut_cache() const {
    Path folder = setup_.spec.cache;
    if (folder.empty()) {
      COE_TRY(folder, default_cut_folder());
    }
    return CutCache(folder, setup_.spec.cache_bytes);
  }

  const ServeSetup& setup_;
  const EngineLibrary& library_;
  Observer& observer_;
};

// Without keys whoever reaches the port may use it.
Status check_host(const CollegeSpec& spec) {
  if (is_loopback(spec.host) || !spec.keys.empty()) return {};
  return fail(
      Code::kInvalidArgument,
      fmt::format("host `{}`: it is open to other machines, and no API key is needed", spec.host),
      "give --keys FILE, one key a line; or 127.0.0.1 for this machine alone");
}

std::vector<std::string> allowed_hosts(const CollegeSpec& spec) {
  // Keys protect by themselves, under whatever name the server is reached.
  if (!spec.keys.empty()) return {};
  std::vector<std::string> hosts = {"localhost", "127.0.0.1", "::1", spec.host};
  for (const auto& host : spec.hosts) hosts.push_back(lower_ascii(host));
  return hosts;
}

}  // namespace

Result<std::unique_ptr<CollegeServer>> CollegeServer::start(const ServeSetup& setup,
                                                            const EngineLibrary& library,
                                                            Observer& observer) {
  const auto& spec = setup.spec;
  COE_TRY_STATUS(check_host(spec));
  Builder builder(setup, library, observer);
  COE_TRY_STATUS(builder.add_members());
  std::unique_ptr<CollegeServer> out(new CollegeServer);
  out->host_ = spec.host;
  out->models_ = std::move(builder.models);
  out->needs_key_ = !spec.keys.empty();

  out->memory_ = spec.memory;
  if (out->memory_ == 0 && !builder.pool.empty()) {
    COE_TRY(out->memory_, memory_limit(library));
  }
  for (const auto& model : out->models_)
    if (model.memory > out->memory_)
      observer.warning(fmt::format("{}: it needs {} of the {} that there are for models",
                                   model.name, human_bytes(model.memory),
                                   human_bytes(out->memory_)));
  COE_TRY_STATUS(builder.add_chooser());
  out->chooses_ = !builder.front.college.empty();
  if (!spec.keys.empty()) {
    COE_TRY(builder.front.keys, read_keys(spec.keys));
  }
  if (!spec.log.empty()) {
    COE_TRY(out->log_, RequestLog::open(spec.log, spec.log_text));
  }
  builder.front.hosts = allowed_hosts(spec);
  builder.front.page = page_files();
  builder.front.created = std::chrono::duration_cast<std::chrono::seconds>(
                              std::chrono::system_clock::now().time_since_epoch())
                              .count();
  builder.front.log = out->log_.get();
  PoolOptions pool;
  pool.memory = out->memory_;
  pool.command = [serving = spec.serving, sampling = setup.sampling, program = setup.program](
                     const PoolModel& model, const Path& file, const Path& socket) {
    std::vector<std::string> command = {program.string(), std::string(kEngineServer)};
    for (auto& word : engine_server_arguments(model.name, file, socket, serving, sampling))
      command.push_back(std::move(word));
    return command;
  };
  COE_TRY(out->pool_, Pool::create(std::move(builder.pool), std::move(pool)));
  out->front_ = std::make_unique<Front>(std::move(builder.front), *out->pool_);
  HttpServerOptions http;
  http.host = spec.host;
  http.port = spec.port;
  COE_TRY(out->server_, HttpServer::start(
                            http,
                            [front = out->front_.get()](const ServedRequest& request) {
                              return front->handle(request);
                            },
                            [](unsigned status, std::string_view why) {
                              return error_reply(status, "request_too_large", why);
                            }));
  return out;
}

CollegeServer::~CollegeServer() { stop(0.0); }

std::string CollegeServer::url() const {
  const bool v6 = host_.find(':') != std::string::npos;
  return fmt::format("http://{}{}{}:{}", v6 ? "[" : "", host_, v6 ? "]" : "", server_->port());
}

void CollegeServer::stop(double seconds) {
  if (!server_) return;
  server_->stop_listening();
  const auto until = std::chrono::steady_clock::now() + std::chrono::duration<double>(seconds);
  while (server_->n_active() > 0 && std::chrono::steady_clock::now() < until)
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  front_->stop();
  pool_->stop();
  server_->stop();
  server_.reset();
}

}  // namespace coe
