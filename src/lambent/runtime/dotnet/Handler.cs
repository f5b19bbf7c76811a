// ASSEMBLY::TYPE::METHOD: found, checked and called as AWS's runtime does, with its texts.
// Source: Developer Guide, "Define Lambda function handler in C#"; aws-lambda-dotnet, Errors.cs.
using System;
using System.IO;
using System.Linq;
using System.Reflection;
using System.Runtime.CompilerServices;
using System.Runtime.Loader;
using System.Threading.Tasks;

namespace Lambent
{
    internal sealed class Handler
    {
        private const BindingFlags Any =
            BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Instance | BindingFlags.Static;

        private readonly MethodInfo _method;
        private readonly object _target;
        private readonly Type _input; // null where only a context is taken, or nothing
        private readonly Type _output; // void where there is none
        private readonly Serializer _serializer;

        public Handler(string name)
        {
            var parts = name.Split(new[] { "::" }, StringSplitOptions.None);
            if (parts.Length != 3 || parts.Any(string.IsNullOrWhiteSpace))
                throw new LambdaValidationException(
                    $"Invalid lambda function handler: '{name}'. The valid format is 'ASSEMBLY::TYPE::METHOD'.");
            var assembly = Load(parts[0].Trim());
            var type = assembly.GetType(parts[1].Trim());
            if (type == null)
                throw new LambdaValidationException(
                    $"Unable to load type '{parts[1].Trim()}' from assembly '{parts[0].Trim()}'.");
            _method = Find(type, parts[2].Trim(), parts[0].Trim());
            CheckMethod(type);
            var parameters = _method.GetParameters().Select(one => one.ParameterType).ToArray();
            _input = parameters.Length > 0 && !IsContext(parameters[0]) ? parameters[0] : null;
            CheckParameters(parameters, type);
            _output = OutputOf(_method.ReturnType);
            _serializer = new Serializer(_method, type);
            if (_input != null && _input != typeof(Stream))
                _serializer.Need("deserialize input", _input);
            if (_output != typeof(void) && !typeof(Stream).IsAssignableFrom(_output))
                _serializer.Need("serialize output", _output);
            _target = _method.IsStatic ? null : Create(type);
        }

        public void Call(Invocation invocation, MemoryStream answer)
        {
            var arguments = _method.GetParameters().Select(one =>
                IsContext(one.ParameterType) ? Context.Make(one.ParameterType, invocation)
                : one.ParameterType == typeof(Stream) ? invocation.Event
                : _serializer.Read(one.ParameterType, invocation.Event)).ToArray();
            var result = _method.Invoke(_target, BindingFlags.DoNotWrapExceptions, null, arguments, null);
            var task = result as Task;
            if (task != null)
            {
                task.GetAwaiter().GetResult();
                result = _output == typeof(void) ? null : task.GetType().GetProperty("Result").GetValue(task);
            }
            if (_output == typeof(void))
                return;
            var stream = result as Stream;
            if (typeof(Stream).IsAssignableFrom(_output))
            {
                if (stream != null)
                    using (stream)
                        stream.CopyTo(answer);
                return;
            }
            _serializer.Write(_output, result, answer);
        }

        private static Assembly Load(string name)
        {
            try
            {
                return AssemblyLoadContext.Default.LoadFromAssemblyName(new AssemblyName(name));
            }
            catch (FileNotFoundException)
            {
                throw new LambdaValidationException(
                    $"Could not find the specified handler assembly with the file name '{name}'. "
                    + "The assembly should be located in the root of your uploaded .zip file.");
            }
        }

        // By its name, or by its whole signature where there are several of that name.
        private static MethodInfo Find(Type type, string name, string assembly)
        {
            var every = type.GetMethods(Any);
            var found = every.Where(method => method.ToString() == name).ToArray();
            if (found.Length == 0)
                found = every.Where(method => method.Name == name).ToArray();
            if (found.Length == 0)
                throw new LambdaValidationException(
                    $"Unable to find method '{name}' in type '{type.FullName}' from assembly '{assembly}': "
                    + $"Found no methods matching method name '{name}'.");
            if (found.Length > 1)
                throw new LambdaValidationException(
                    $"The method '{name}' in type '{type.FullName}' appears to have a number of overloads. To call "
                    + "this method please specify a complete method signature. Possible candidates are:\n"
                    + string.Join("\n", found.Select(method => method.ToString())) + ".");
            return found[0];
        }

        private void CheckMethod(Type type)
        {
            var name = _method.Name;
            if (type.IsGenericTypeDefinition)
                throw new LambdaValidationException(
                    $"The type '{type.FullName}' cannot be used as a Lambda Handler type because it is generic. "
                    + "Handler methods cannot be located in generic types. Please specify a handler method in a "
                    + "non-generic type.");
            if (!_method.IsStatic && type.IsAbstract)
                throw new LambdaValidationException(
                    $"The instance method '{name}' cannot be used as a Lambda Handler because its type "
                    + $"'{type.FullName}' is abstract. Please either use a static handler or specify a type that "
                    + "is not abstract.");
            if (_method.IsGenericMethodDefinition)
                throw new LambdaValidationException(
                    $"The method '{name}' cannot be used as a Lambda Handler because it is a generic method. "
                    + "Handler methods cannot be generic. Please specify a non-generic handler method.");
            if (_method.ReturnType == typeof(void) && _method.IsDefined(typeof(AsyncStateMachineAttribute), false))
                throw new LambdaValidationException(
                    $"The method '{name}' cannot be used as a Lambda Handler because it is an 'async void' method. "
                    + "Handler methods cannot be 'async void'. Please specify a method that is not 'async void'.");
        }

        private void CheckParameters(Type[] parameters, Type type)
        {
            if (parameters.Length > 2)
                throw new LambdaValidationException(
                    $"Method '{_method.Name}' of type '{type.FullName}' is not supported: the method has more than "
                    + "2 parameters.");
            if (parameters.Length == 2 && !IsContext(parameters[1]))
                throw new LambdaValidationException(
                    $"Method '{_method.Name}' of type '{type.FullName}' is not supported: the method has 2 "
                    + $"parameters, but the second parameter is not of type '{Context.Interface}'.");
        }

        private static object Create(Type type)
        {
            return Activator.CreateInstance(type, BindingFlags.Public | BindingFlags.NonPublic
                | BindingFlags.Instance | BindingFlags.DoNotWrapExceptions, null, null, null);
        }

        private static Type OutputOf(Type returned)
        {
            if (!typeof(Task).IsAssignableFrom(returned))
                return returned;
            return returned.IsGenericType ? returned.GetGenericArguments()[0] : typeof(void);
        }

        private static bool IsContext(Type type)
        {
            return type.FullName == Context.Interface;
        }
    }
}
