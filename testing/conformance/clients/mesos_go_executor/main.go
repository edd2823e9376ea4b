// An executor on mesos-go's v0 driver. What a task does is in its data:
//
//	finish   TASK_RUNNING, TASK_FINISHED
//	wait     TASK_RUNNING, then TASK_KILLED when it is told to
//
// A framework message is sent back with "echo: " before it.
package main

import (
	"fmt"
	"os"

	exec "github.com/mesos/mesos-go/api/v0/executor"
	mesos "github.com/mesos/mesos-go/api/v0/mesosproto"
)

type conformance struct{}

func (conformance) Registered(_ exec.ExecutorDriver, executor *mesos.ExecutorInfo, _ *mesos.FrameworkInfo, agent *mesos.SlaveInfo) {
	fmt.Println("registered as", executor.GetExecutorId().GetValue(), "on", agent.GetHostname())
}

func (conformance) Reregistered(_ exec.ExecutorDriver, agent *mesos.SlaveInfo) {
	fmt.Println("registered again on", agent.GetHostname())
}

func (conformance) Disconnected(exec.ExecutorDriver) {
	fmt.Println("disconnected")
}

func (conformance) LaunchTask(driver exec.ExecutorDriver, task *mesos.TaskInfo) {
	fmt.Println("launch", task.GetTaskId().GetValue())
	update(driver, task.GetTaskId(), mesos.TaskState_TASK_RUNNING, "started by mesos-go", nil)
	if string(task.GetData()) == "finish" {
		update(driver, task.GetTaskId(), mesos.TaskState_TASK_FINISHED, "done by mesos-go", []byte("result"))
	}
}

func (conformance) KillTask(driver exec.ExecutorDriver, task *mesos.TaskID) {
	fmt.Println("kill", task.GetValue())
	update(driver, task, mesos.TaskState_TASK_KILLED, "killed by mesos-go", nil)
}

func (conformance) FrameworkMessage(driver exec.ExecutorDriver, message string) {
	fmt.Println("message", message)
	if _, err := driver.SendFrameworkMessage("echo: " + message); err != nil {
		fmt.Println("cannot send:", err)
	}
}

func (conformance) Shutdown(driver exec.ExecutorDriver) {
	fmt.Println("shutdown")
}

func (conformance) Error(_ exec.ExecutorDriver, message string) {
	fmt.Println("error", message)
}

func update(driver exec.ExecutorDriver, task *mesos.TaskID, state mesos.TaskState, message string, data []byte) {
	status := &mesos.TaskStatus{TaskId: task, State: state.Enum(), Message: &message, Data: data}
	if _, err := driver.SendStatusUpdate(status); err != nil {
		fmt.Println("cannot send:", err)
	}
}

func main() {
	driver, err := exec.NewMesosExecutorDriver(exec.DriverConfig{Executor: conformance{}})
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	status, err := driver.Run()
	fmt.Println("ended as", status, err)
}
