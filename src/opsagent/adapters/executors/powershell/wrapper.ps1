# Runs one order and says how it went in one line. Written for Windows PowerShell 5.1 and PowerShell 7, full language.
# The start token is a file made with CreateNew, which only one of many can do; New-Item looks first and then makes.
$ErrorActionPreference = 'Stop'
$ProgressPreference = 'SilentlyContinue'
$order = [Text.Encoding]::UTF8.GetString([Convert]::FromBase64String('@@ORDER@@')) | ConvertFrom-Json
$state = $order.state
if (-not $state) { $state = Join-Path $HOME '.opsagent' }
$token = Join-Path $state ($order.token + '.token')
$result = Join-Path $state ($order.token + '.result')

function Send-Answer($answer) {
    $json = ConvertTo-Json -Compress -InputObject $answer
    $text = [Convert]::ToBase64String([Text.Encoding]::UTF8.GetBytes($json))
    Write-Output ('opsagent ' + $order.nonce + ' ' + $text + ' end')
}

function Get-Capped([string] $text) {
    if ($text.Length -le $order.cap) { return $text }
    $half = [int]($order.cap / 2)
    return $text.Substring(0, $half) + "`n[... left out here ...]`n" + $text.Substring($text.Length - $half)
}

function Get-Token([string] $words) {
    [void](New-Item -ItemType Directory -Force -Path $state)
    try { $file = [IO.File]::Open($token, [IO.FileMode]::CreateNew, [IO.FileAccess]::Write) }
    catch { if (Test-Path -LiteralPath $token) { return $false }; throw }
    $bytes = [Text.Encoding]::UTF8.GetBytes($words)
    $file.Write($bytes, 0, $bytes.Length)
    $file.Flush($true)
    $file.Dispose()
    return $true
}

function Invoke-Order {
    $watch = [Diagnostics.Stopwatch]::StartNew()
    foreach ($pair in $order.environment) { [Environment]::SetEnvironmentVariable($pair[0], $pair[1]) }
    $shell = [PowerShell]::Create()
    if ($order.cwd) {
        [void]$shell.AddCommand('Set-Location').AddParameter('LiteralPath', $order.cwd).AddParameter('ErrorAction', 'Stop')
        [void]$shell.AddStatement()
    }
    [void]$shell.AddScript($order.text)
    [void]$shell.AddCommand('Out-String').AddParameter('Width', 200)
    $nothing = New-Object 'Management.Automation.PSDataCollection[psobject]'
    $nothing.Complete()
    $output = New-Object 'Management.Automation.PSDataCollection[psobject]'
    $running = $shell.BeginInvoke($nothing, $output)
    $late = $false
    $words = ''
    $failed = $false
    # Start-Sleep is ended when this pipeline is stopped, a wait on a handle would not be.
    try {
        while (-not $running.IsCompleted -and $watch.Elapsed.TotalSeconds -lt $order.limit) { Start-Sleep -Milliseconds 50 }
        $late = -not $running.IsCompleted
    }
    finally { if (-not $running.IsCompleted) { $shell.Stop() } }
    try { [void]$shell.EndInvoke($running) } catch { $failed = $true; $words = $_.Exception.GetBaseException().Message }
    $errors = @($shell.Streams.Error | Where-Object { $_.FullyQualifiedErrorId -notlike 'NativeCommandError*' })
    $native = $shell.Runspace.SessionStateProxy.GetVariable('LASTEXITCODE')
    $code = 0
    if ($failed -or $errors.Count) { $code = 1 }
    if ($native) { $code = [int]$native }
    $said = ($shell.Streams.Error | ForEach-Object { [string]$_ }) -join "`n"
    $answer = @{
        state = 'ran'; exit = $code; late = $late; ms = [long]$watch.ElapsedMilliseconds
        out = (Get-Capped (-join $output)); err = (Get-Capped (($said, $words | Where-Object { $_ }) -join "`n"))
    }
    $shell.Dispose()
    return $answer
}

function Get-Worker {
    $pair = ([IO.File]::ReadAllText($token)).Split(' ')
    if ($pair.Count -ne 2) { return $null }
    $found = Get-Process -Id ([int]$pair[0]) -ErrorAction SilentlyContinue
    if ($found -and [string]$found.StartTime.ToUniversalTime().Ticks -eq $pair[1]) { return $found }
    return $null
}

function Get-Settled {
    if (Get-Token 'settled') { return @{ state = 'never' } }
    if ([IO.File]::ReadAllText($token) -eq 'settled') { return @{ state = 'never' } }
    $watch = [Diagnostics.Stopwatch]::StartNew()
    while (-not (Test-Path -LiteralPath $result)) {
        $worker = Get-Worker
        if (-not $worker) { break }
        if ($watch.Elapsed.TotalSeconds -ge $order.patience) {
            # With what it started; Stop-Process alone would leave that behind.
            if ($env:OS -eq 'Windows_NT') { try { & taskkill.exe /PID $worker.Id /T /F 2>&1 | Out-Null } catch { } }
            Stop-Process -InputObject $worker -Force -ErrorAction SilentlyContinue
            $worker.WaitForExit(5000)
            break
        }
        Start-Sleep -Milliseconds 200
    }
    if (-not (Test-Path -LiteralPath $result)) { return @{ state = 'unknown' } }
    return [IO.File]::ReadAllText($result) | ConvertFrom-Json
}

try {
    if ($order.mode -eq 'probe') {
        $about = [Environment]::MachineName + ' as ' + [Environment]::UserName
        Send-Answer @{ state = 'ran'; exit = 0; out = $about; err = ''; version = [string]$PSVersionTable.PSVersion }
    }
    elseif ($order.mode -eq 'read') { Send-Answer (Invoke-Order) }
    elseif ($order.mode -eq 'settle') { Send-Answer (Get-Settled) }
    else {
        $me = Get-Process -Id $PID
        if (Get-Token ([string]$PID + ' ' + [string]$me.StartTime.ToUniversalTime().Ticks)) {
            $answer = Invoke-Order
            [IO.File]::WriteAllText($result + '.new', (ConvertTo-Json -Compress -InputObject $answer))
            [IO.File]::Move($result + '.new', $result)
            Send-Answer $answer
        }
        else { Send-Answer @{ state = 'taken' } }
    }
}
catch { Send-Answer @{ state = 'refused'; err = [string]$_.Exception.Message } }
