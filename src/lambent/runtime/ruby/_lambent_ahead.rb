# Started before there is demand: what can be loaded without the function, and the wait for START.
#
# A function may bring libraries of its own in place of Ruby's, as files beside its code or as gems,
# and is to get those. So the process begins without the function's load path and gems (see
# runtime/families/ruby.py), and gets them with START; where the function brings what is loaded by
# then, Ruby is started anew, as without all this. Names of files are looked at, never their text.
# frozen_string_literal: true

module LambentRuntime
  module Ahead
    LOAD_PATH = "_LAMBENT_RUBYLIB"
    GEM_PATH = "_LAMBENT_GEM_PATH"
    # What this runtime loads in any case: no other, for its constants would be there. And the names
    # of files and gems that come with it.
    LIBRARIES = %w[json stringio logger].freeze
    NAMES = [*LIBRARIES, "monitor", "ostruct"].freeze
    START = 0x02

    class << self
      # Returns once the init is to begin; never where the server has gone.
      def wait(channel)
        @folders = ENV.delete(LOAD_PATH).to_s.split(":")
        @gem_path = ENV.delete(GEM_PATH)
        load_all(channel)
        frame = channel.receive
        exit!(0) unless frame && frame.getbyte(4) == START
        restore
        begin_anew if brought?(loaded)
      end

      private

      def load_all(channel)
        channel.utf8("é".b)
        unless brought?(NAMES)
          LIBRARIES.each { |library| require library }
          %w[logging errors context].each { |part| require_relative "_lambent_#{part}" }
          JSON.parse(JSON.generate({ time: Time.now.utc.strftime(Logging::JsonFormatter::TIME) }))
        end
        GC.start unless channel.readable? # what waits should be small
      end

      def restore
        ENV["RUBYLIB"] = @folders.join(":")
        ENV["GEM_PATH"] = @gem_path
        $LOAD_PATH.unshift(*@folders)
        Gem.clear_paths if defined?(Gem)
      end

      def brought?(names)
        files = @folders.flat_map { |folder| names_in(folder) { |name| name[/\A[^.]*/] } }
        gems = @gem_path.to_s.split(":").flat_map do |folder|
          names_in("#{folder}/specifications") { |name| name[/\A(.*)-\d/, 1] }
        end
        files.concat(gems).intersect?(names)
      end

      def names_in(folder, &name)
        Dir.children(folder).map(&name)
      rescue SystemCallError
        []
      end

      # Names as above of all that is loaded, but for our own files.
      def loaded
        folders = $LOAD_PATH.map { |folder| "#{folder}/" }
        files = $LOADED_FEATURES.filter_map do |file|
          folder = folders.select { |one| file.start_with?(one) }.max_by(&:size)
          file.delete_prefix(folder)[/\A[^.\/]*/] if folder
        end
        files.uniq.concat(defined?(Gem) ? Gem.loaded_specs.keys : [])
      end

      def begin_anew
        exec(*File.read("/proc/self/cmdline").split("\0"), DESCRIPTOR => DESCRIPTOR)
      end
    end
  end
end
