// Kills, interrupts, full disks and a second process with the same output, on every verb that
// writes (faults/verbs.h): nothing wrong stands under a final name, what was finished is not made
// again, and the run after the fault ends with the bytes of one that was never disturbed.
//
// Settings (faults/setting.h), of which each verb gets its share: COE_FAULT_VERB_KILLS (17),
// COE_FAULT_DISKS (17), COE_FAULT_PAIRS (17); COE_FAULT_SEED (1).
#include "coe/base/file.h"
#include "coe/base/rng.h"
#include "coe/corpus/reasoning.h"

#include "faults/process.h"
#include "faults/setting.h"
#include "faults/small_disk.h"
#include "faults/verbs.h"
#include "support/expect.h"
#include "support/mock_endpoint.h"
#include "support/temp_dir.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <set>
#include <sstream>
#include <string>
#include <string_view>
#include <sys/stat.h>
#include <thread>
#include <utility>
#include <vector>

namespace coe::testing {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using Clock = std::chrono::steady_clock;
using Json = nlohmann::ordered_json;
using Seconds = std::chrono::duration<double>;

constexpr const char* kModel = COE_SOURCE_DIR "/models/gemma4-tiny-moe-q4_k_m.gguf";
constexpr const char* kKills = "COE_FAULT_VERB_KILLS";
constexpr std::string_view kQuestion = "Question ";

void write_problems(const Path& path, std::uint64_t seed, std::size_t n) {
  std::ofstream out(path);
  std::size_t i = 0;
  for (const auto& problem : generate_reasoning(seed, n))
    out << Json{{"domain", ++i % 2 == 0 ? "even" : "odd"},
                {"text", problem.problem + problem.thinking + problem.solution},
                {"problem", problem.problem}}
               .dump()
        << "\n";
}

void write_questions(const Path& folder) {
  std::ofstream open(folder / "questions.jsonl");
  std::ofstream choice(folder / "choice.jsonl");
  for (int i = 0; i < 16; ++i) {
    const auto text = fmt::format("{}{}", kQuestion, i);
    open << Json{{"question", text}, {"domain", "sums"}}.dump() << "\n";
    choice << Json{{"question", text}, {"options", {"w", "x", "y", "z"}}, {"answer", "B"}}.dump()
           << "\n";
  }
}

constexpr const char* kSpec = R"(seed = 1
near_duplicate = 0.9
[[domain]]
name = "code"
[[domain.source]]
kind = "files"
root = "src/coe/mask"
include = ["**/*.cc"]
pieces = 1
[[domain]]
name = "reasoning"
[[domain.source]]
kind = "reasoning"
n = 500
)";

// A server whose answers follow from the question alone, each after some milliseconds.
MockReply answer(const MockRequest& request, const std::string& page) {
  MockReply reply;
  reply.delay = std::chrono::milliseconds(25);
  if (request.question.find(kQuestion) == std::string::npos)
    reply.content = page;
  else if (request.question.find("\nA") != std::string::npos)
    reply.content = "The answer is B.";
  else
    reply.content = "It is " + request.question;
  reply.thinking = "hm " + request.question.substr(0, 16);
  return reply;
}

// Times, and what is counted of this process alone, differ between runs.
void drop_times(Json& json) {
  if (json.is_object()) {
    for (const auto* key : {"seconds", "wall_s", "peak_memory", "date"}) json.erase(key);
  }
  if (json.is_structured()) {
    for (auto& member : json) drop_times(member);
  }
}

std::string comparable(const Path& path, std::string text) {
  if (path.extension() == ".html")  // with times in it
    std::erase_if(text, [](char c) { return c >= '0' && c <= '9'; });
  if (path.extension() != ".jsonl") return text;
  std::string out;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    auto json = Json::parse(line);
    drop_times(json);
    out += json.dump() + "\n";
  }
  return out;
}

struct Counts {
  std::uint64_t n_kill = 0;
  std::uint64_t n_interrupt = 0;
  std::uint64_t n_done = 0;     // it was faster than the signal
  std::uint64_t n_halfway = 0;  // something was there to go on from
  std::uint64_t n_disk = 0;
  std::uint64_t n_full = 0;  // the disk was too small
  std::uint64_t n_pair = 0;
  std::uint64_t n_told = 0;  // the second process was told of the first
};

class VerbFaultTest : public ::testing::TestWithParam<FaultVerb> {
 protected:
  static void SetUpTestSuite();
  static void TearDownTestSuite() {
    server_.reset();
    files_.reset();
  }
  void SetUp() override;

  static Path in() { return *files_ / "in"; }
  static Path out() { return *files_ / "out"; }
  static std::vector<std::string> words(const std::string& command);
  std::vector<std::string> command() const { return words(GetParam().command); }
  static std::uint64_t share(const char* setting, std::uint64_t fallback, bool weighted);

  bool exists(const std::string& output) const { return fs::exists(out() / output); }
  bool is_complete() const { return exists(GetParam().outputs.back()); }
  static std::string text_of(const std::string& output) {
    return comparable(output, value_of(read_text(out() / output)));
  }
  // Whatever stands under a final name is right, and once the last one stands, all do.
  void expect_nothing_wrong(const std::string& when);
  // A run that is to go on has this: what is finished, and what was asked.
  std::map<std::string, timespec> finished_work() const;
  std::set<std::string> journalled() const;
  // None of these is among the requests from the given one on.
  static void expect_not_asked(const std::set<std::string>& known, std::size_t before,
                               const std::string& when);
  // Runs the command to its end and holds what it leaves to the undisturbed run.
  void finish(const std::string& when);
  static void clean();

  void kill(std::uint64_t n);
  void fill_disks(std::uint64_t n);
  void run_pairs(std::uint64_t n);
  void expect_refused(const Exit& exit, pid_t holder, const std::string& when);

  std::map<std::string, std::string> expected_;
  Seconds whole_{0};
  std::uint64_t bytes_ = 0;
  Rng rng_{fault_setting("COE_FAULT_SEED", 1)};
  Counts counts_;

 private:
  static std::unique_ptr<TempDir> files_;
  static std::unique_ptr<MockEndpoint> server_;
};

std::unique_ptr<TempDir> VerbFaultTest::files_;
std::unique_ptr<MockEndpoint> VerbFaultTest::server_;

void VerbFaultTest::SetUpTestSuite() {
  why_no_small_disks();  // before there are threads: it moves this process into a namespace
  files_ = std::make_unique<TempDir>();
  fs::create_directories(in());
  fs::create_directories(out());
  write_problems(in() / "text.jsonl", 1, 14);
  write_problems(in() / "few.jsonl", 2, 4);
  write_problems(in() / "cot.jsonl", 3, 12);
  write_questions(in());
  std::ofstream(in() / "spec.toml") << kSpec;
  const auto page = "```html\n" +
                    value_of(read_text(COE_SOURCE_DIR "/web/tasks/css-toggle/reference.html")) +
                    "```\n";
  server_ = std::make_unique<MockEndpoint>(
      [page](const MockRequest& request) { return answer(request, page); });
  for (const auto* line :
       {"profile -t 1 -m @model -f @in/few.jsonl -o @in/a.gguf",
        "profile -t 1 -m @model -f @in/cot.jsonl -o @in/b.gguf",
        "mask -p @in/a.gguf -k 64 -o @in/mask0.json", "mask -p @in/b.gguf -k 64 -o @in/mask1.json",
        "prune -m @model --mask @in/mask0.json -o @in/child.gguf"}) {
    const auto exit = run_process(words(line));
    ASSERT_TRUE(exit.done()) << line << ": " << describe(exit);
  }
}

std::vector<std::string> VerbFaultTest::words(const std::string& command) {
  const std::array<std::pair<std::string_view, std::string>, 5> places = {
      {{"@in", in().string()},
       {"@out", out().string()},
       {"@model", kModel},
       {"@url", server_->url()},
       {"@source", COE_SOURCE_DIR}}};
  std::vector<std::string> words = {COE_BINARY};
  std::istringstream stream(command);
  for (std::string word; stream >> word;) {
    for (const auto& [name, place] : places) {
      // NAME=FILE has it behind a name.
      if (const auto at = word.find(name); at != std::string::npos)
        word.replace(at, name.size(), place);
    }
    words.push_back(std::move(word));
  }
  words.emplace_back("-q");
  return words;
}

std::uint64_t VerbFaultTest::share(const char* setting, std::uint64_t fallback, bool weighted) {
  const auto verbs = fault_verbs();
  const auto total = fault_setting(setting, fallback);
  if (!weighted) return (total + verbs.size() - 1) / verbs.size();
  std::uint64_t sum = 0;
  for (const auto& verb : verbs) sum += verb.weight;
  return (total * GetParam().weight + sum - 1) / sum;
}

void VerbFaultTest::clean() {
  for (const auto& entry : fs::directory_iterator(out())) fs::remove_all(entry.path());
}

void VerbFaultTest::SetUp() {
  const auto& verb = GetParam();
  if (verb.is_slow && fault_setting(kKills, 0) == 0) GTEST_SKIP() << "left to scripts/faults.sh";
  clean();
  const auto start = Clock::now();
  const auto exit = run_process(command());
  whole_ = Clock::now() - start;
  if (exit.code == 4 && verb.name == "bench_web") GTEST_SKIP() << exit.errors;
  ASSERT_TRUE(exit.done()) << describe(exit);
  for (const auto& output : verb.outputs) expected_[output] = text_of(output);
  std::set<ino_t> counted;  // a file with two names takes its bytes once
  for (const auto& entry : fs::recursive_directory_iterator(out())) {
    struct stat info{};
    if (entry.is_regular_file() && ::stat(entry.path().c_str(), &info) == 0 &&
        counted.insert(info.st_ino).second)
      bytes_ += entry.file_size();
  }
  clean();
}

void VerbFaultTest::expect_nothing_wrong(const std::string& when) {
  for (const auto& [output, expected] : expected_) {
    if (!exists(output)) {
      EXPECT_FALSE(is_complete()) << when << ": " << output << " is missing";
      continue;
    }
    EXPECT_TRUE(text_of(output) == expected) << when << ": " << output << " is wrong";
  }
}

std::map<std::string, timespec> VerbFaultTest::finished_work() const {
  std::map<std::string, timespec> work;
  for (const auto& output : GetParam().work) {
    struct stat info{};
    if (::stat((out() / output).c_str(), &info) == 0) work[output] = info.st_mtim;
  }
  return work;
}

std::set<std::string> VerbFaultTest::journalled() const {
  std::set<std::string> questions;
  const auto& journal = GetParam().journal;
  if (journal.empty() || !exists(journal)) return questions;
  std::istringstream lines(value_of(read_text(out() / journal)));
  for (std::string line; std::getline(lines, line) && !lines.eof();) {
    const auto json = Json::parse(line);
    if (json.contains("question"))
      questions.insert(fmt::format("{}{}", kQuestion, json.at("question").get<int>()));
  }
  return questions;
}

void VerbFaultTest::expect_not_asked(const std::set<std::string>& known, std::size_t before,
                                     const std::string& when) {
  const auto requests = server_->requests();
  for (auto i = before; i < requests.size(); ++i) {
    const auto& text = requests[i].question;
    EXPECT_FALSE(known.contains(text.substr(0, text.find('\n'))))
        << when << ": asked again: " << text;
  }
}

void VerbFaultTest::finish(const std::string& when) {
  const auto& verb = GetParam();
  bool is_tidy = true;  // but for what a kill left after the end
  if (verb.reuses || !is_complete()) {
    const auto work = finished_work();
    const auto known = journalled();
    const auto before = server_->requests().size();
    const auto exit = run_process(command());
    ASSERT_TRUE(exit.done()) << when << ": " << describe(exit);
    for (const auto& [output, time] : finished_work()) {
      const auto found = work.find(output);
      if (found == work.end()) continue;
      EXPECT_TRUE(found->second.tv_sec == time.tv_sec && found->second.tv_nsec == time.tv_nsec)
          << when << ": " << output << " was made again";
    }
    expect_not_asked(known, before, when);
  } else {
    is_tidy = false;
  }
  expect_nothing_wrong(when);
  EXPECT_TRUE(is_complete()) << when;
  for (const auto& entry : fs::recursive_directory_iterator(out())) {
    const auto name = entry.path().filename().string();
    EXPECT_FALSE((is_tidy && name.ends_with(".part")) || name.ends_with(".partial"))
        << when << ": " << name;
  }
  clean();
}

void VerbFaultTest::kill(std::uint64_t n) {
  for (std::uint64_t i = 0; i < n && !HasFailure(); ++i) {
    const auto delay = whole_ * rng_.uniform();
    const auto when =
        fmt::format("kill {} after {:.4f} s of {:.4f} s", i, delay.count(), whole_.count());
    Process process(command());
    std::this_thread::sleep_for(delay);
    const int signal = i % 4 == 3 ? SIGINT : SIGKILL;
    process.send(signal);
    const auto exit = process.wait();
    // Before it is set up, an interrupt ends the process as any does.
    ASSERT_TRUE(exit.done() || exit.signal == signal || (signal == SIGINT && exit.code == 130))
        << when << ": " << describe(exit);
    ++(signal == SIGKILL ? counts_.n_kill : counts_.n_interrupt);
    counts_.n_done += exit.done() ? 1 : 0;
    counts_.n_halfway += !exit.done() && !fs::is_empty(out()) ? 1 : 0;
    expect_nothing_wrong(when);
    // What can go on is killed again halfway now and then.
    if (is_complete() || i + 1 == n || rng_.below(2) == 0) finish(when);
  }
}

void VerbFaultTest::fill_disks(std::uint64_t n) {
  constexpr std::uint64_t kEnough = 64 << 20;
  constexpr std::uint64_t kPage = 4096;
  if (const auto why = why_no_small_disks(); !why.empty()) {
    fmt::print("no small disks ({})\n", why);
    return;
  }
  for (std::uint64_t i = 0; i < n && !HasFailure(); ++i) {
    const auto size =
        static_cast<std::uint64_t>(static_cast<double>(bytes_) * 1.2 * rng_.uniform());
    const auto when = fmt::format("disk {} of {} bytes for {}", i, size, bytes_);
    // A file system has whole pages, and small outputs fit into one.
    const SmallDisk disk(out(), size + kPage);
    disk.fill(size / kPage * kPage);
    const auto exit = run_process(command());
    ++counts_.n_disk;
    if (!exit.done()) {
      ++counts_.n_full;
      EXPECT_EQ(exit.code, 1) << when << ": " << describe(exit);
      EXPECT_THAT(exit.errors, HasSubstr("space")) << when;
      EXPECT_THAT(exit.errors, HasSubstr(out().string())) << when;
    }
    expect_nothing_wrong(when);
    disk.resize(kEnough);
    fs::remove(out() / "filler");
    finish(when);
  }
}

// The one that lost says so, and what it says names who won.
void VerbFaultTest::expect_refused(const Exit& exit, pid_t holder, const std::string& when) {
  EXPECT_EQ(exit.code, 2) << when << ": " << describe(exit);
  const bool is_told = exit.errors.find(fmt::format("(process {})", holder)) != std::string::npos;
  counts_.n_told += is_told ? 1 : 0;
  if (GetParam().is_long) {
    EXPECT_TRUE(is_told) << when << ": " << exit.errors;
  } else {
    EXPECT_TRUE(is_told || exit.errors.find("another process") != std::string::npos ||
                exit.errors.find("exists already") != std::string::npos ||
                exit.errors.find("appeared while") != std::string::npos)
        << when << ": " << exit.errors;
  }
}

void VerbFaultTest::run_pairs(std::uint64_t n) {
  for (std::uint64_t i = 0; i < n && !HasFailure(); ++i) {
    const auto when = fmt::format("pair {}", i);
    ++counts_.n_pair;
    Process one(command());
    Process other(command());
    const auto first = one.pid();
    const auto second = other.pid();
    const auto exit = one.wait();
    const auto other_exit = other.wait();
    ASSERT_TRUE(exit.done() || other_exit.done())
        << when << ": " << describe(exit) << "; " << describe(other_exit);
    if (!exit.done()) expect_refused(exit, second, when);
    if (!other_exit.done()) expect_refused(other_exit, first, when);
    expect_nothing_wrong(when);
    EXPECT_TRUE(is_complete()) << when;
    finish(when);
  }
}

TEST_P(VerbFaultTest, NothingIsWrongAndNothingIsLost) {
  kill(share(kKills, 17, true));
  fill_disks(share("COE_FAULT_DISKS", 17, false));
  run_pairs(share("COE_FAULT_PAIRS", 17, false));
  fmt::print(
      "{}: {:.2f} s, {} bytes; {} kills, {} interrupts ({} halfway, {} too late); {} disks ({} "
      "full); {} "
      "pairs ({} told)\n",
      GetParam().name, whole_.count(), bytes_, counts_.n_kill, counts_.n_interrupt,
      counts_.n_halfway, counts_.n_done, counts_.n_disk, counts_.n_full, counts_.n_pair,
      counts_.n_told);
}

INSTANTIATE_TEST_SUITE_P(EveryVerb, VerbFaultTest, ::testing::ValuesIn(fault_verbs()),
                         [](const auto& row) { return row.param.name; });

}  // namespace
}  // namespace coe::testing
